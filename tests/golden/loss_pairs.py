"""Writes loss_pairs.json: the preference losses written plainly in torch, in float64, with autograd's gradients.

Run with Debian's python3-torch: /usr/bin/python3 loss_pairs.py > loss_pairs.json

Each formula gets c (config) and the token logprobs lc, lr of the chosen and rejected answer and rc, rr of the reference,
all without masked positions.
"""
import json, math, random, torch
from torch.nn.functional import logsigmoid
from types import SimpleNamespace

random.seed(17)

def delta(x):
    return (x.lc - x.rc).sum() - (x.lr - x.rr).sum()

def side(x):
    return (x.lc - x.rc).sum(), (x.lr - x.rr).sum()

def mean_delta(x):
    return (x.lc - x.rc).mean() - (x.lr - x.rr).mean()

def cdpo(x, c):
    z, e = c["beta"] * delta(x), c["label_smoothing"]
    return -(1 - e) * logsigmoid(z) - e * logsigmoid(-z)

def robust(x, c):
    z, e = c["beta"] * delta(x), c["label_smoothing"]
    return (-(1 - e) * logsigmoid(z) + e * logsigmoid(-z)) / (1 - 2 * e)

def exo(x, c):
    z, e = c["beta"] * delta(x), c["label_smoothing"]
    return logsigmoid(z).exp() * (logsigmoid(z) - math.log(1 - e)) + logsigmoid(-z).exp() * (logsigmoid(-z) - math.log(e))

def discopop(x, c):
    z = c["beta"] * delta(x)
    g, rest = logsigmoid(z / c["tau"]).exp(), logsigmoid(-z / c["tau"]).exp()
    return rest * -logsigmoid(z) + g * torch.clamp(-z, max=20).exp()

def nca(x, c):
    xc, xr = side(x)
    xc, xr = c["beta"] * xc, c["beta"] * xr
    return -logsigmoid(xc) - 0.5 * logsigmoid(-xc) - 0.5 * logsigmoid(-xr)

def bco(x, c):
    xc, xr = side(x)
    return -logsigmoid(c["beta"] * xc) - logsigmoid(-c["beta"] * xr)

def sppo(x, c):
    xc, xr = side(x)
    return (xc - 0.5 / c["beta"]) ** 2 + (xr + 0.5 / c["beta"]) ** 2

def apo_zero(x, c):
    xc, xr = side(x)
    return logsigmoid(-c["beta"] * xc).exp() + logsigmoid(c["beta"] * xr).exp()

def apo_down(x, c):
    xc, xr = side(x)
    return logsigmoid(c["beta"] * xc).exp() + logsigmoid(-c["beta"] * (xc - xr)).exp()

def alphapo(x, c):
    a = c["alpha"]
    f = lambda l: l if a == 0 else -torch.expm1(torch.clamp(-a * l, -20, 20)) / a
    return -logsigmoid(c["beta"] * (f(x.lc.mean()) - f(x.lr.mean())) - c["gamma"])

def orpo(x, c):
    def odds(l):
        l = torch.clamp(l, max=-1e-6)
        return l - torch.log(-torch.expm1(l))
    return -x.lc.mean() - c["beta"] * logsigmoid(odds(x.lc.mean()) - odds(x.lr.mean()))

B = {"beta": 0.1}
LOSSES = {
    "dpo": (B, lambda x, c: -logsigmoid(c["beta"] * delta(x)), [{"beta": 2.0}]),
    "cdpo": (dict(B, label_smoothing=0.1), cdpo, [{"label_smoothing": 0.3}]),
    "dpo_robust": (dict(B, label_smoothing=0.1), robust, [{"label_smoothing": 0.3}]),
    "slic_hinge": (B, lambda x, c: torch.relu(1 - c["beta"] * delta(x)), [{"beta": 1.0}]),
    "exo_pair": (dict(B, label_smoothing=1e-3), exo, [{"label_smoothing": 0.2}]),
    "discopop": (dict(B, tau=0.05), discopop, [{"tau": 1.0}]),
    "ipo": (B, lambda x, c: (mean_delta(x) - 1 / (2 * c["beta"])) ** 2, [{"beta": 1.0}]),
    "sigmoid_norm": (B, lambda x, c: -logsigmoid(c["beta"] * mean_delta(x)), [{"beta": 2.0}]),
    "nca_pair": (B, nca, [{"beta": 1.0}]),
    "bco_pair": (B, bco, [{"beta": 1.0}]),
    "sppo_hard": (B, sppo, [{"beta": 1.0}]),
    "apo_zero": (B, apo_zero, [{"beta": 1.0}]),
    "apo_down": (B, apo_down, [{"beta": 1.0}]),
    "cpo": (dict(B, alpha=1.0), lambda x, c: -logsigmoid(c["beta"] * (x.lc.sum() - x.lr.sum())) - c["alpha"] * x.lc.mean(), [{"alpha": 0.0}]),
    "simpo": (dict(B, gamma=0.5), lambda x, c: -logsigmoid(c["beta"] * (x.lc.mean() - x.lr.mean()) - c["gamma"]), [{"beta": 2.0, "gamma": 1.0}]),
    "alphapo": (dict(B, gamma=0.5, alpha=0.25), alphapo, [{"alpha": 0.0}, {"alpha": 1.0, "beta": 1.0}]),
    "orpo": (B, orpo, [{"beta": 1.0}]),
}

def f32(x):
    return torch.tensor(x, dtype=torch.float32).double().tolist()

lines = []
for name, (defaults, fn, others) in LOSSES.items():
    for k in range(42):
        config = ([{}] + others)[k % (1 + len(others))]
        # The chosen answer first, then the rejected one, of different lengths.
        nc, nr = random.randrange(2, 8), random.randrange(2, 8)
        apart = [0.0, 0.1, 1.0, 10.0, 100.0][k % 5]
        logprobs = f32([-abs(random.gauss(0, 2)) for _ in range(nc + nr)])
        shift = random.gauss(0, apart)
        ref = f32([l + shift * (1 if i < nc else -1) + random.gauss(0, 0.3) for i, l in enumerate(logprobs)])
        mask = [1.0 if i in (0, nc) else float(random.random() < 0.75) for i in range(nc + nr)]
        l, r, m = torch.tensor(logprobs, dtype=torch.float64, requires_grad=True), torch.tensor(ref, dtype=torch.float64), torch.tensor(mask) > 0
        first = torch.arange(nc + nr) < nc
        x = SimpleNamespace(lc=l[m & first], lr=l[m & ~first], rc=r[m & first], rr=r[m & ~first])
        loss = fn(x, dict(defaults, **config))
        loss.backward()
        lines.append(json.dumps({"loss": name, "config": config, "logprobs": logprobs, "reference": ref, "mask": mask, "chosen": nc,
                                 "value": loss.item(), "gradient": l.grad.tolist()}, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
