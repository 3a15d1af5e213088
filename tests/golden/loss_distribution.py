"""Writes loss_distribution.json: losses of whole distributions and of value and reward models, minillm and entropy
masks, written plainly in torch, in float64, with autograd's gradients.

Run with Debian's python3-torch: /usr/bin/python3 loss_distribution.py > loss_distribution.json

The formulas are those of torchtune's kd_losses.py, TRL's experimental/gkd, experimental/sdpo/loss_utils.py,
experimental/minillm and get_high_entropy_mask, verl's compute_value_loss, NeMo RL's MseValueLossFn, OpenRLHF's
models/loss.py and transformers' load_balancing_loss_func. Logits of -1e30 stand for minus infinity: a row is then
reduced to its other tokens.
"""
import json, math, random, torch
from torch.nn.functional import logsigmoid, one_hot

random.seed(41)
D = torch.float64
q64 = lambda v: round(v * 64) / 64

def kl(a, b):
    return (a.exp() * (a - b)).sum()

def jsd(p, q, beta):
    if beta == 0:
        return kl(q, p)
    if beta == 1:
        return kl(p, q)
    m = torch.logsumexp(torch.stack([p + math.log1p(-beta), q + math.log(beta)]), 0)
    return beta * kl(q, m) + (1 - beta) * kl(p, m)

def tail(x):
    s = torch.logsumexp(x, 0).clamp(max=-1e-7)
    return torch.cat([x, torch.log(-torch.expm1(s)).reshape(1)])

def topk(p, q, c):
    at = torch.topk(p.detach(), min(int(c["top_k"]), len(p)))[1]
    a, b = p[at], q[at]
    if c["tail"]:
        a, b = tail(a), tail(b)
    else:
        a, b = a - torch.logsumexp(a, 0), b - torch.logsumexp(b, 0)
    return jsd(a, b, c["alpha"])

T = {"temperature": 1.0}
ROWS = {  # of student's and teacher's log-probabilities over the tokens that are left, and of the student's logits
    "kl.exact": (dict(T, coef=1.0), lambda p, q, z, c: c["coef"] * kl(p, q), [{"coef": 0.1, "temperature": 2.0}]),
    "entropy_bonus": (dict(T, coef=1.0), lambda p, q, z, c: c["coef"] * (p.exp() * p).sum(), [{"coef": 0.01}, {"temperature": 0.5}]),
    "z_loss": ({"coef": 1.0}, lambda p, q, z, c: c["coef"] * torch.logsumexp(z, 0) ** 2, [{"coef": 1e-3}]),
    "kd_forward": (T, lambda p, q, z, c: kl(q, p), [{"temperature": 3.0}]),
    "kd_reverse": (T, lambda p, q, z, c: kl(p, q), [{"temperature": 3.0}]),
    "kd_sym": (dict(T, ratio=0.5), lambda p, q, z, c: c["ratio"] * kl(q, p) + (1 - c["ratio"]) * kl(p, q), [{"ratio": 0.0}, {"ratio": 0.9}, {"ratio": 1.0}]),
    "gkd_jsd": ({"temperature": 0.9, "beta": 0.5}, lambda p, q, z, c: jsd(p, q, c["beta"]), [{"beta": 0.0}, {"beta": 1.0}, {"beta": 0.1, "temperature": 1.0}]),
    "sdft_topk": (dict(T, top_k=100.0, alpha=0.5, tail=1.0), lambda p, q, z, c: topk(p, q, c), [{"top_k": 3.0}, {"top_k": 2.0, "alpha": 1.0}, {"top_k": 4.0, "alpha": 0.0, "tail": 0.0}, {"top_k": 3.0, "tail": 0.0}]),
}
AGGREGATE = ["token_mean", "sum", "seq_mean_token_mean"]

def scales(how, mask, lengths):
    n, out, at = [], [], 0
    for k in lengths:
        n.append(sum(m != 0 for m in mask[at:at + k]))
        at += k
    for i, k in enumerate(lengths):
        s = {"sum": 1.0, "token_mean": 1 / max(1, sum(n)), "seq_mean_token_mean": 1 / (max(1, n[i]) * len(lengths))}[how]
        out += [s] * k
    return out

lines = []
def case(**fields):
    lines.append(json.dumps(fields, separators=(",", ":")))

for name, (defaults, fn, others) in ROWS.items():
    for k in range(42):
        config = ([{}] + others)[k % (1 + len(others))]
        c = dict(defaults, **config)
        lengths = [random.randrange(1, 4) for _ in range(random.randrange(1, 3))]
        n, vocab = sum(lengths), random.choice([2, 5, 11])
        apart = [0.1, 1.0, 5.0, 30.0][k % 4]
        # No two alike, so that the top k are one set.
        z = [[q64(random.gauss(0, apart)) + j / 4096 for j in range(vocab)] for _ in range(n)]
        t = [[q64(v + random.gauss(0, apart)) for v in row] for row in z]
        if k % 3 == 2 and name != "sdft_topk":
            # Both leave a token out; entropy and z_loss need no second one.
            for r, s in zip(z, t):
                at = random.randrange(vocab)
                r[at] = s[at] = -1e30
        mask = [1.0] + [random.choice([1.0, 1.0, 0.0, 0.5]) for _ in range(n - 1)]
        how = AGGREGATE[k % 3]
        x, y = torch.tensor(z, dtype=D, requires_grad=True), torch.tensor(t, dtype=D)
        total = 0
        for i, s in enumerate(scales(how, mask, lengths)):
            if mask[i]:
                keep = x[i] > -1e29
                a, b = x[i][keep], y[i][keep]
                total = total + s * mask[i] * fn(torch.log_softmax(a / c.get("temperature", 1), 0), torch.log_softmax(b / c.get("temperature", 1), 0), a, c)
        total.backward()
        fields = dict(loss=name, config=config, shape=[n, vocab], logits=sum(z, []), mask=mask, lengths=lengths, aggregate=how, value=total.item(), gradient=x.grad.flatten().tolist())
        if name not in ("entropy_bonus", "z_loss"):
            fields["teacher"] = sum(t, [])
        case(**fields)

for k in range(42):
    lengths = [random.randrange(1, 6) for _ in range(random.randrange(1, 3))]
    n = sum(lengths)
    mask = [1.0] + [random.choice([1.0, 1.0, 0.0]) for _ in range(n - 1)]
    v, old, ret = ([q64(random.gauss(0, 1)) for _ in range(n)] for _ in range(3))
    old = [q64(a + random.gauss(0, 0.3)) for a in v] if k % 2 else old
    how = AGGREGATE[k % 3]
    s = torch.tensor(scales(how, mask, lengths), dtype=D) * torch.tensor(mask, dtype=D)
    for name, config in (("value_clipped", {} if k % 4 else {"epsilon": 0.5}), ("value_mse", {} if k % 4 else {"scale": 0.5})):
        x, r, o = torch.tensor(v, dtype=D, requires_grad=True), torch.tensor(ret, dtype=D), torch.tensor(old, dtype=D)
        if name == "value_clipped":
            e = config.get("epsilon", 0.2)
            loss = 0.5 * torch.maximum((x - r) ** 2, (torch.maximum(torch.minimum(x, o + e), o - e) - r) ** 2)
        else:
            loss = 0.5 * config.get("scale", 1.0) * (x - r) ** 2
        loss = (s * loss).sum()
        loss.backward()
        case(loss=name, config=config, values=v, old=old, returns=ret, mask=mask, lengths=lengths, aggregate=how, value=loss.item(), gradient=x.grad.tolist())
    p = random.randrange(1, 7)
    a, b = ([q64(random.gauss(0, [1, 30][k % 2])) for _ in range(p)] for _ in range(2))
    margin = [q64(random.random()) for _ in range(p)]
    x, y, m = torch.tensor(a, dtype=D, requires_grad=True), torch.tensor(b, dtype=D, requires_grad=True), torch.tensor(margin, dtype=D)
    for name in ("bt_rm", "bt_rm_logexp"):
        x.grad = y.grad = None
        if name == "bt_rm":
            loss = -logsigmoid(x - y - (m if k % 3 else 0)).mean()
        else:
            loss = torch.log(1 + torch.exp(y - x)).mean()
        loss.backward()
        case(loss=name, chosen=a, rejected=b, margin=margin if k % 3 and name == "bt_rm" else None, value=loss.item(), gradient=x.grad.tolist() + y.grad.tolist())
    n, e, top = random.randrange(1, 8), random.choice([2, 4, 8]), 1 + k % 2
    z = [[q64(random.gauss(0, 2)) + j / 4096 for j in range(e)] for _ in range(n)]
    mask = [1.0] + [random.choice([1.0, 0.0]) for _ in range(n - 1)]
    x = torch.tensor(z, dtype=D, requires_grad=True)
    w = torch.softmax(x, -1)[torch.tensor(mask) > 0]
    picks = one_hot(torch.topk(w, top, dim=-1)[1], e).to(D)
    loss = (picks.mean(0) * w.mean(0).unsqueeze(0)).sum() * e
    loss.backward()
    case(loss="aux", shape=[n, e], logits=sum(z, []), mask=mask, topk=top, value=loss.item(), gradient=x.grad.flatten().tolist())
    ent = [q64(abs(random.gauss(0, 1))) if k % 4 else float(random.randrange(3)) for _ in range(random.randrange(1, 20))]
    mask = [1.0] + [random.choice([1.0, 1.0, 0.0]) for _ in ent[1:]]
    rho = random.choice([0.0, 0.2, 0.5, 0.37, 1.0])
    t, m = torch.tensor(ent, dtype=D), torch.tensor(mask) > 0
    case(loss="high_entropy_mask", entropy=ent, mask=mask, rho=rho, keep=((t >= torch.quantile(t[m], 1 - rho)) & m).double().tolist())
    # minillm: one answer without gaps, as TRL pads behind them.
    n = random.randrange(1, 9)
    gamma, norm = random.choice([0.0, 0.5, 1.0]), float(k % 3 > 0)
    l = [q64(-abs(random.gauss(0, 1))) for _ in range(n)]
    q = [q64(v + random.gauss(0, [0.05, 0.5][k % 2])) for v in l]
    ref = [q64(v + random.gauss(0, 1)) for v in l]
    adv = q64(random.gauss(0, 1))
    x, y, r = torch.tensor(l, dtype=D, requires_grad=True), torch.tensor(q, dtype=D), torch.tensor(ref, dtype=D)
    rewards = (r - x).detach()
    a = torch.stack([sum(gamma ** (s - t) * rewards[s] for s in range(t, n)) for t in range(n)])
    if norm:
        a = a / torch.tensor([sum(gamma ** (s - t) for s in range(t, n)) for t in range(n)], dtype=D)
    a = a + adv
    ratio = torch.exp(x - y)
    loss = -torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()
    loss.backward()
    case(loss="minillm", config={"gamma": gamma, "length_normalization": norm}, logprobs=l, sampling=q, ref=ref, advantage=adv, value=loss.item(), gradient=x.grad.tolist())

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
