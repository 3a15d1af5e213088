"""Writes loss_advantages.json: the advantage estimators written plainly in torch, in float64.

Run with Debian's python3-torch: /usr/bin/python3 loss_advantages.py > loss_advantages.json

x holds r (rewards), g (group numbers), len (loss tokens), values; c the options.
"""
import json, math, random, torch
from types import SimpleNamespace

random.seed(11)

def groups(x):
    return [(x.g == k).nonzero().flatten() for k in sorted(set(x.g.tolist()))]

def per_group(x, f):
    out = torch.zeros_like(x.r)
    for i in groups(x):
        out[i] = f(x.r[i], x.len[i])
    return out

def base(x):
    return per_group(x, lambda r, n: r - (r.mean() if len(r) > 1 else 0))

def whiten(v, x):
    tokens = torch.repeat_interleave(v, x.len)
    return (v - tokens.mean()) * torch.rsqrt(tokens.var() + 1e-8)

def grpo(x, c):
    return per_group(x, lambda r, n: r if len(r) == 1 else (r - r.mean()) / (r.std() + c.get("eps", 1e-6)))

def grpo_trl(x, c):
    if c.get("scale") == "batch":
        return per_group(x, lambda r, n: r - r.mean()) / (x.r.std() + c.get("eps", 1e-4))
    if c.get("scale") == "none":
        return per_group(x, lambda r, n: r - r.mean())
    return per_group(x, lambda r, n: torch.zeros_like(r) if len(r) == 1 else (r - r.mean()) / (r.std() + c.get("eps", 1e-4)))

def leave_one_out(r, eps):
    out = torch.zeros_like(r)
    if len(r) == 1:
        return out
    for i in range(len(r)):
        others = torch.cat([r[:i], r[i + 1:]])
        std = others.std(unbiased=False)
        out[i] = r[i] - others.mean()
        if len(set(others.tolist())) > 1:
            out[i] /= std + eps
    return out

def passk(r, c):
    out = torch.zeros_like(r)
    top, at = torch.topk(r, 2)
    out[at[0]] = top[0] - top[1]
    if c.get("scale") == "group" and out[at[0]] != 0:
        out[at[0]] /= r.std() + c.get("eps", 1e-6)
    return out

def opmd(r, c):
    if len(r) == 1:
        return r
    if c.get("baseline") == "logavgexp":
        tau = c.get("tau", 1.0)
        return r - tau * (torch.logsumexp(r / tau, 0) - torch.log(torch.tensor(float(len(r)), dtype=torch.float64)))
    return r - r.mean()

ESTIMATORS = {
    "mean_only": (lambda x, c: per_group(x, lambda r, n: r - r.mean()), []),
    "grpo": (grpo, [{"eps": 0.1}]),
    "batch_std": (lambda x, c: per_group(x, lambda r, n: r - r.mean()) / (x.r.std() + c.get("eps", 1e-4)), [{"eps": 0.1}]),
    "rloo": (lambda x, c: per_group(x, lambda r, n: r if len(r) == 1 else r - (r.sum() - r) / (len(r) - 1)), []),
    "maxrl": (lambda x, c: per_group(x, lambda r, n: (r - r.mean()) / r.mean() if r.mean() > 0 else torch.zeros_like(r)), []),
    "maxrl skyrl": (lambda x, c: per_group(x, lambda r, n: r if len(r) == 1 else (r - r.mean()) / (r.mean() + c.get("eps", 1e-6))), [{"eps": 0.5}]),
    "optimal_value": (lambda x, c: per_group(x, lambda r, n: (c.get("beta", 0.5) * (torch.logsumexp(r / c.get("beta", 0.5), 0) - math.log(len(r)))).expand(len(r))), [{"beta": 0.05}]),
    "opo": (lambda x, c: per_group(x, lambda r, n: r if len(r) == 1 else r - (n * r).sum() / n.sum()), []),
    "grpo_trl": (grpo_trl, [{"scale": "batch"}, {"scale": "none"}, {"eps": 0.01}]),
    "grpo_loo": (lambda x, c: per_group(x, lambda r, n: leave_one_out(r, c.get("eps", 1e-6))), [{"eps": 0.1}]),
    "reinforce_pp": (lambda x, c: whiten(x.r, x), []),
    "reinforce_pp_baseline": (lambda x, c: whiten(base(x), x), []),
    "remax": (lambda x, c: x.r - x.values, []),
    "gpg_adv": (lambda x, c: len(x.r) / max(1, torch.count_nonzero(x.r).item()) * base(x), []),
    "passk": (lambda x, c: per_group(x, lambda r, n: passk(r, c)), [{"scale": "group"}]),
    "opmd": (lambda x, c: per_group(x, lambda r, n: opmd(r, c)), [{"baseline": "logavgexp"}, {"baseline": "logavgexp", "tau": 0.01}]),
    "asymre": (lambda x, c: per_group(x, lambda r, n: r if len(r) == 1 else r - (r.mean() + c.get("shift", -0.1))), [{"shift": 0.3}]),
    "kl_in_reward": (lambda x, c: x.r - c.get("beta", 0.05) * x.values, [{"beta": 1.0}]),
    "drop_constant_groups": (lambda x, c: per_group(x, lambda r, n: torch.full_like(r, float(len(set(r.tolist())) > 1))), []),
}

lines = []
for name, (fn, others) in ESTIMATORS.items():
    for k in range(42):
        config = ([{}] + others)[k % (1 + len(others))]
        n = [8, 5, 12, 2][k // 4 % 4]
        group = [random.randrange(3) if k % 3 else i // 4 for i in range(n)]
        if name == "passk":
            group = [i // (n if n < 8 else 4) for i in range(n)]
        # Binary, graded, all alike, and large with a small spread.
        draw = [lambda: float(random.random() < 0.5), lambda: random.gauss(0, 1), lambda: 1.0, lambda: 1e4 + random.random()][k % 4]
        reward, length = [draw() for _ in range(n)], [random.randrange(1, 30) for _ in range(n)]
        values = [random.gauss(0, 1) for _ in range(n)]
        x = SimpleNamespace(r=torch.tensor(reward, dtype=torch.float64), g=torch.tensor(group), len=torch.tensor(length), values=torch.tensor(values, dtype=torch.float64))
        numbers = {k: v for k, v in config.items() if not isinstance(v, str)}
        # A second word in a name is the choice.
        choice = "".join([v for v in config.values() if isinstance(v, str)] + name.split()[1:])
        lines.append(json.dumps({"estimator": name.split()[0], "options": numbers, "choice": choice, "reward": reward, "group": group, "length": length, "values": values,
                                 "advantage": fn(x, config).tolist()}, separators=(",", ":")))

def gdpo(parts, weights, x, eps):
    z = lambda p: per_group(SimpleNamespace(r=p, g=x.g, len=x.len), lambda r, n: torch.zeros_like(r) if len(r) == 1 else (r - r.mean()) / (r.std() + eps))
    total = sum(w * z(p) for p, w in zip(parts, weights))
    return (total - total.mean()) / (total.std() + eps)

gdpos = []
for k in range(42):
    n, parts = [8, 6, 12, 4][k % 4], 1 + k % 3
    components = [[random.gauss(0, 100.0 ** j) if j else float(random.random() < 0.5) for _ in range(n)] for j in range(parts)]
    weights = [1.0] * parts if k % 2 else [random.random() for _ in range(parts)]
    group = [random.randrange(3) if k % 5 == 0 else i // 2 for i in range(n)]
    eps = [1e-4, 0.1][k // 2 % 2]
    x = SimpleNamespace(g=torch.tensor(group), len=torch.ones(n))
    a = gdpo([torch.tensor(c, dtype=torch.float64) for c in components], weights, x, eps)
    gdpos.append(json.dumps({"components": components, "weights": weights, "group": group, "eps": eps, "advantage": a.tolist()}, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n],"gdpo":[\n%s\n]}' % (torch.__version__, ",\n".join(lines), ",\n".join(gdpos)))
