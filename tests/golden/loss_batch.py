"""Writes loss_batch.json: the losses that look at a whole batch written plainly in torch, in float64, with autograd's
gradients, and the criteria of rejection sampling.

Run with Debian's python3-torch: /usr/bin/python3 loss_batch.py > loss_batch.json

A batch is padded: l, q, obs and m are [B, T], a [B]. clip_cov's random draw is not repeated: its cases say which tokens
are candidates, and have all of them drawn.
"""
import json, random, torch

random.seed(11)

def f32(x):
    return torch.tensor(x, dtype=torch.float32).double()

def mean(x, m):
    return (x * m).sum() / m.sum().clamp(min=1)

def clip(x, c):
    return torch.clamp(x, c["clip_low_threshold"], c["clip_high_threshold"])

def ratio(l, q):
    return torch.clamp(l - q, -20, 20).exp()

def ppo(l, q, a, c):
    r = ratio(l, q)
    return torch.maximum(-a * r, -a * clip(r, c)), (-a * clip(r, c)) > (-a * r)

def covariance(l, a, m):
    a = a.expand_as(l)
    cov = (a - mean(a, m)) * (l.detach() - mean(l.detach(), m))
    return torch.where(m > 0, cov, torch.full_like(cov, -torch.inf))

def clip_cov(l, q, a, m, c):
    value, cut = ppo(l, q, a, c)
    cov = torch.where(cut, torch.full_like(l, -torch.inf), covariance(l, a, m))
    found = (cov > c["cov_low"]) & (cov < c["cov_high"])
    return mean(value * (~found).double(), m), found

def kl_cov(l, q, a, m, c):
    value = -ratio(l, q) * a
    cov = covariance(l, a, m)
    k = max(1, int(m.sum().item() * c["cov_ratio"]))
    top = torch.topk(cov.reshape(-1), k).indices
    chosen = torch.zeros(l.numel(), dtype=torch.bool)
    chosen[top] = True
    chosen = chosen.reshape(l.shape)
    value = torch.where(chosen, value + c["coef"] * (l - q).abs(), value)
    return mean(value, m), chosen

def chord(l, q, a, m, c, expert):
    value, _ = ppo(l, q, a, c)
    p = l.exp()
    sft = -l * (p * (1 - p)).detach() if c["phi"] else -l
    own, other = m * (~expert)[:, None], m * expert[:, None]
    return (1 - c["mu"]) * mean(value, own) + c["mu"] * mean(sft, other)

def echo(l, obs, c):
    return c["alpha"] * (-l * obs).sum() / (obs != 0).sum().clamp(min=1)

def vapo_pos_nll(l, q, a, m, r, c):
    value, _ = ppo(l, q, a, c)
    return mean(value, m) + c["mu"] * mean(-l, m * (r > 0).double()[:, None])

def reject(mode, p, q, m, low, high):
    d = torch.clamp(p - q, -20, 20)
    k = {"k1": -d, "k2": 0.5 * d ** 2, "k3": d.exp() - 1 - d}[mode[-2:]]
    if mode.startswith("seq_sum"):
        k = (k * m).sum(-1, keepdim=True).expand_as(d)
    elif mode.startswith("seq_mean"):
        k = ((k * m).sum(-1, keepdim=True) / m.sum(-1, keepdim=True).clamp(min=1)).expand_as(d)
    elif mode.startswith("seq_max"):
        k = torch.where(m > 0, k, torch.full_like(k, -torch.inf)).max(-1, keepdim=True).values.expand_as(d)
    if mode.endswith("k1"):
        r = (-k).exp()
        keep = (r >= low) & (r <= high)
    else:
        keep = k <= high
    return m * keep.double()

DEFAULTS = {"clip_cov": {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2, "cov_ratio": 1.0, "cov_low": 1.0, "cov_high": 5.0},
            "kl_cov": {"cov_ratio": 2e-4, "coef": 1.0}, "chord": {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2, "mu": 0.1, "phi": 1.0},
            "echo": {"alpha": 0.1}}
OTHERS = {"clip_cov": [{"cov_ratio": 1.0}, {"cov_ratio": 1.0, "cov_low": 0.2, "cov_high": 2.0}, {"cov_ratio": 1.0, "epsilon": 0.5}],
          "kl_cov": [{}, {"cov_ratio": 0.3}, {"cov_ratio": 0.1, "coef": 0.2}], "chord": [{}, {"mu": 0.6}, {"phi": 0.0}, {"epsilon": 0.4}],
          "echo": [{}, {"alpha": 1.0}]}
MODES = ["token_k1", "token_k2", "token_k3", "seq_sum_k1", "seq_sum_k2", "seq_sum_k3", "seq_mean_k1", "seq_mean_k2", "seq_mean_k3", "seq_max_k2", "seq_max_k3"]
lines = []

def draw(k):
    b, t = 4, 6
    spread = [0.0, 0.05, 0.3, 2.0, 15.0, 1000.0][k % 6]
    l = f32([[-abs(random.gauss(0, 2)) for _ in range(t)] for _ in range(b)])
    q = f32([[x + random.gauss(0, spread) for x in row] for row in l.tolist()])
    m = torch.tensor([[float(random.random() < 0.75) for _ in range(t)] for _ in range(b)], dtype=torch.float64)
    m[0][0] = 1
    # Two at least differ: among equal covariances the order would be that of rounding errors.
    a = f32([1.0, -2.5] + [random.choice([1.0, -1.0, 0.37, -2.5, 3.0]) for _ in range(b - 2)])
    m[1][1] = 1
    return l, q, m, a

for name in DEFAULTS:
    for k in range(44):
        config = OTHERS[name][k % len(OTHERS[name])]
        c = dict(DEFAULTS[name], **config)
        if "epsilon" in c:
            c["clip_low_threshold"], c["clip_high_threshold"] = 1 - c["epsilon"], 1 + c["epsilon"]
        l, q, m, a = draw(k)
        l.requires_grad_()
        expert = torch.tensor([random.random() < 0.4 for _ in range(4)])
        obs = torch.where(m > 0, torch.zeros_like(m), f32([[random.choice([0.0, 1.0, 0.5]) for _ in range(6)] for _ in range(4)]))
        chosen = torch.zeros_like(m)
        if name == "clip_cov":
            loss, chosen = clip_cov(l, q, a[:, None], m, c)
        elif name == "kl_cov":
            loss, chosen = kl_cov(l, q, a[:, None], m, c)
        elif name == "chord":
            loss = chord(l, q, a[:, None], m, c, expert)
        else:
            loss = echo(l, obs, c)
        (loss + 0 * l.sum()).backward()
        lines.append(json.dumps({"loss": name, "config": config, "logprobs": l.tolist(), "sampling": q.tolist(), "mask": m.tolist(), "advantage": a.tolist(),
                                 "expert": expert.tolist(), "observation": obs.tolist(), "chosen": int(chosen.sum().item()), "value": loss.item(),
                                 "gradient": l.grad.tolist()}, separators=(",", ":")))

rejections = []
for mode in MODES:
    for k in range(44):
        l, q, m, _ = draw(k)
        low, high = ([(0.5, 2.0), (0.9, 1.1), (0.99, 1.3)] if mode.endswith("k1") else [(0, 0.5), (0, 0.02), (0, 2.0)])[k % 3]
        rejections.append(json.dumps({"mode": mode, "low": low, "high": high, "old": l.tolist(), "sampling": q.tolist(), "mask": m.tolist(),
                                      "keep": reject(mode, l, q, m, low, high).tolist()}, separators=(",", ":")))

# A stream of its own, so that the cases above stay what they are.
random.seed(13)
for k in range(44):
    config = [{}, {"mu": 1.0}, {"mu": 0.6, "epsilon": 0.4}][k % 3]
    c = dict({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28, "mu": 0.1}, **config)
    if "epsilon" in c:
        c["clip_low_threshold"], c["clip_high_threshold"] = 1 - c["epsilon"], 1 + c["epsilon"]
    l, q, m, a = draw(k)
    l.requires_grad_()
    r = [random.choice([1.0, -0.5, 0.0, 2.0, -3.0]) for _ in range(4)]
    loss = vapo_pos_nll(l, q, a[:, None], m, torch.tensor(r), c)
    (loss + 0 * l.sum()).backward()
    lines.append(json.dumps({"loss": "vapo_pos_nll", "config": config, "logprobs": l.tolist(), "sampling": q.tolist(), "mask": m.tolist(),
                             "advantage": a.tolist(), "reward": r, "value": loss.item(), "gradient": l.grad.tolist()}, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n],"rejections":[\n%s\n]}' % (torch.__version__, ",\n".join(lines), ",\n".join(rejections)))
