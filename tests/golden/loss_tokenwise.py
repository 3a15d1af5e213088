"""Writes loss_tokenwise.json: estimators with a value for each token, and those with a state, written plainly in torch, in float64.

Run with Debian's python3-torch: /usr/bin/python3 loss_tokenwise.py > loss_tokenwise.json

gae, vapo_gae and otb are written over padded [B, T] batches as verl's core_algos.py and NeMo RL's advantage_estimator.py
have them; rae, hierarchical_grpo and length_shaped_grpo as prime-rl's algo has them; kl_in_advantage as
tinker-cookbook's rl/metrics.py.
"""
import json, random, torch
from collections import defaultdict

random.seed(31)
D = torch.float64

def pad(rows):
    n = max([len(r) for r in rows] + [1])
    return torch.tensor([list(r) + [0.0] * (n - len(r)) for r in rows], dtype=D)

def flat(x, lengths):
    return [v for row, n in zip(x.tolist(), lengths) for v in row[:n]]

def gae(reward, values, mask, gamma, lam):
    nextvalues, last, out = torch.zeros(len(mask), dtype=D), torch.zeros(len(mask), dtype=D), []
    for t in reversed(range(mask.shape[1])):
        delta = reward[:, t] + gamma * nextvalues - values[:, t]
        new = delta + gamma * lam * last
        nextvalues = values[:, t] * mask[:, t] + (1 - mask[:, t]) * nextvalues
        last = new * mask[:, t] + (1 - mask[:, t]) * last
        out.append(last)
    a = torch.stack(out[::-1], dim=1)
    return a, a + values

def whiten(a, mask):
    on = a[mask > 0]
    return torch.zeros_like(a) if len(on) < 2 else (a - on.mean()) * torch.rsqrt(on.var() + 1e-8)

def otb(reward, logp, squares, mask, group, weights, eps, tail):
    returns = (reward * mask).flip([-1]).cumsum(-1).flip([-1])
    w = 1 - 2 * logp.exp() + squares
    if weights is not None:
        w = w * weights ** 2
    w = (w * mask).cumsum(-1)
    base = torch.zeros_like(returns)
    for g in set(group):
        at = [i for i, h in enumerate(group) if h == g]
        if len(at) == 1:
            continue
        b = (returns[at] * w[at] * mask[at]).sum(0) / ((w[at] * mask[at]).sum(0) + eps)
        base[at] = b.unsqueeze(0).expand(len(at), -1)
        if tail:
            n = mask[at].sum(-1)
            order = torch.sort(n)[0]
            if order[-1] > order[-2]:
                base[at[int(n.argmax())], int(order[-2]):] = 0.0
    return (returns - base) * mask

lines = []
def case(kind, **fields):
    lines.append(json.dumps(dict(fields, estimator=kind), separators=(",", ":")))

for k in range(44):
    datums = random.randrange(1, 6)
    lengths = [random.randrange(0 if k % 4 == 3 else 1, 9) for _ in range(datums)]
    gaps = k % 2
    # Answers with gaps, as of a tool's turns, or with padding behind them.
    rows = [[float(random.random() < 0.7) for _ in range(n)] if gaps else [1.0] * (n - n // 4) + [0.0] * (n // 4) for n in lengths]
    scale = [1.0, 1e3, 1e-3][k % 3]
    rnd = lambda f: [[f() for _ in range(n)] for n in lengths]
    values, rewards = rnd(lambda: random.gauss(0, scale)), rnd(lambda: random.gauss(0, scale))
    mask, final = pad(rows), None
    if k % 3 == 0:
        # One reward for each datum, at its last loss token.
        final = [random.gauss(0, scale) for _ in range(datums)]
        rewards = [[0.0] * n for n in lengths]
        for r, row, v in zip(rewards, rows, final):
            if 1.0 in row:
                r[max(i for i, m in enumerate(row) if m)] = v
    gamma, lam = random.choice([(1.0, 1.0), (1.0, 0.95), (0.9, 0.5), (0.0, 1.0), (1.0, 0.0)])
    on = bool(k % 2 == 0)
    base = {"lengths": lengths, "mask": [v for r in rows for v in r], "reward": final if final is not None else [v for r in rewards for v in r]}
    v, r = pad(values), pad(rewards)
    a, ret = gae(r, v, mask, gamma, lam)
    if on:
        a = whiten(a, mask)
    case("gae", **base, values=[x for row in values for x in row], gamma=gamma, **{"lambda": lam}, whiten=on,
         advantage=flat(a * mask, lengths), returns=flat(ret * mask, lengths))
    lamv, alpha = random.choice([1.0, 0.9]), random.choice([0.0, 0.05, 0.5, 2.0])
    _, ret = gae(r, v, mask, gamma, lamv)
    lp = 1 - 1 / torch.clamp(alpha * mask.sum(1), min=1.0) if alpha else torch.full((datums,), lam, dtype=D)
    a, _ = gae(r, v, mask, gamma, lp)
    if on:
        a = whiten(a, mask)
    case("vapo_gae", **base, values=[x for row in values for x in row], gamma=gamma, lambda_value=lamv, alpha=alpha, **{"lambda": lam}, whiten=on,
         advantage=flat(a * mask, lengths), returns=flat(ret * mask, lengths))
    # otb: verl's answers have no gaps.
    rows = [[1.0] * (n - n // 4) + [0.0] * (n // 4) for n in lengths]
    logp, squares = rnd(lambda: -abs(random.gauss(0, 1))), rnd(random.random)
    weights = rnd(lambda: random.random() * 2) if k % 3 == 1 else None
    group = [random.randrange(2) for _ in lengths]
    eps, tail = random.choice([1e-8, 1e-3]), bool(k % 2)
    rewards = rnd(lambda: random.gauss(0, 1))
    a = otb(pad(rewards), pad(logp), pad(squares), pad(rows), group, pad(weights) if weights else None, eps, tail)
    case("otb", lengths=lengths, mask=[v for r in rows for v in r], reward=[v for r in rewards for v in r], logprobs=[v for r in logp for v in r],
         squares=[v for r in squares for v in r], weights=[v for r in weights for v in r] if weights else None, group=group, eps=eps, tail=tail, advantage=flat(a, lengths))
    # kl_in_advantage and opd
    q, ref, adv = rnd(lambda: -abs(random.gauss(0, 2))), rnd(lambda: -abs(random.gauss(0, 2))), [random.gauss(0, 1) for _ in lengths]
    rows = [[float(random.random() < 0.7) for _ in range(n)] for n in lengths]
    m = pad(rows)
    diff = (pad(q) - pad(ref)) * m
    beta, discount = random.choice([0.05, 1.0]), [0.0, 0.9, 1.0][k % 3]
    add = beta * m * (diff.sum() / max(1.0, m.sum().item()) - diff)
    if discount > 0:
        out, run = torch.zeros_like(add), torch.zeros(datums, dtype=D)
        for t in reversed(range(add.shape[1])):
            run = add[:, t] + discount * run
            out[:, t] = run
        add = out
    case("kl_in_advantage", lengths=lengths, mask=[v for r in rows for v in r], reward=adv, sampling=[v for r in q for v in r], ref=[v for r in ref for v in r],
         beta=beta, discount=discount, advantage=flat((torch.tensor(adv, dtype=D).unsqueeze(1) + add) * m, lengths))
    case("opd", lengths=lengths, mask=[v for r in rows for v in r], sampling=[v for r in q for v in r], ref=[v for r in ref for v in r], advantage=flat((pad(ref) - pad(q)) * m, lengths))
    # With a state, or with roles.
    n = random.randrange(1, 12)
    reward, roles = [random.gauss(0, 1) for _ in range(n)], [random.choice(["a", "b", "solver"]) for _ in range(n)]
    decay, baselines = random.choice([0.95, 0.5, 0.0]), defaultdict(float, {"a": 0.5} if k % 2 else {})
    before, out = dict(baselines), []
    for v, role in zip(reward, roles):
        out.append(v - baselines[role])
        baselines[role] = decay * baselines[role] + (1.0 - decay) * v
    case("rae", reward=reward, roles=roles, decay=decay, before=before, after=dict(baselines), advantage=out)
    group, episode = [random.randrange(2) for _ in range(n)], [random.randrange(3) for _ in range(n)]
    scoped = sorted({roles[0]} if k % 3 else set(roles))
    peers = defaultdict(list)
    for i in range(n):
        peers[(group[i], roles[i], episode[i] if roles[i] in scoped else None)].append(i)
    out = [0.0] * n
    for members in peers.values():
        mean = sum(reward[i] for i in members) / len(members)
        for i in members:
            out[i] = reward[i] - mean
    case("hierarchical_grpo", reward=reward, roles=roles, group=group, episodes=episode, scoped=scoped, advantage=out)
    terms, weight = [[float(random.randrange(0, 50)) for _ in range(n)] for _ in range(3)], [random.choice([0.0, 0.1, 0.25, 1.0]) for _ in range(3)]
    rewards, out = torch.tensor(reward, dtype=D), torch.zeros(n, dtype=D)
    for g in set(group):
        at = [i for i in range(n) if group[i] == g]
        r = rewards[at]
        frac = sum(w * (torch.tensor(t, dtype=D)[at] / torch.tensor(t, dtype=D)[at].max().clamp(min=1)) for w, t in zip(weight, terms))
        s = r - r.mean() * frac
        out[at] = s - s.mean()
    case("length_shaped_grpo", reward=reward, group=group, terms=terms, termWeights=weight, advantage=out.tolist())
    coef, cut = random.choice([0.0, 0.3, 1.0]), [random.random() < 0.5 for _ in range(n)]
    case("stop_properly_penalty", reward=reward, cut=cut, coef=coef, advantage=torch.where(torch.tensor(cut), rewards * coef, rewards).tolist())

    # Penalties and controllers.
    most, buffer, factor = float(random.randrange(1, 60)), 0.0, random.choice([1.0, 0.5, 0.0])
    buffer = float(random.randrange(1, int(most) + 1))
    lengths = [float(random.randrange(0, 80)) for _ in range(n)]
    exceed = torch.tensor(lengths, dtype=D) - (most - buffer)
    case("overlong_penalty", reward=lengths, max=most, buffer=buffer, factor=factor, advantage=torch.clamp(-exceed / buffer * factor, max=0).clamp(min=-factor).tolist())
    coef, kl, target, horizon = random.random(), random.gauss(0, 0.2) if k % 3 else 0.05, 0.05, random.choice([100.0, 10000.0])
    error = torch.clamp(torch.tensor(kl / target - 1, dtype=D), -0.2, 0.2)
    case("kl.controller_adaptive", coef=coef, kl=kl, target=target, steps=n, horizon=horizon, advantage=[(coef * (1 + error * n / horizon)).item()])
    # A run of the entropy controller: the coefficient in use is next's, if the last entropy was low enough.
    entropies, coef, delta, least, best, out = [abs(random.gauss(0.2, 0.2)) for _ in range(n)], random.random() / 10, 0.005, random.choice([0.0, 0.05]), 0.1, []
    start = coef
    for h in entropies:
        coef = min(coef + delta, best) if h <= 0.2 else max(coef - delta, least)
        out += [coef, coef if h <= 0.2 else 0.0]
    case("entropy_adaptive", coef=start, reward=entropies, min=least, max=best, advantage=out)
    case("mask_truncated", cut=cut, advantage=(~torch.tensor(cut)).double().tolist() + [float(sum(not c for c in cut))])

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
