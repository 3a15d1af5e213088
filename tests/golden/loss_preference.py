"""Writes loss_preference.json: losses of batches of answers written plainly in torch, in float64, with autograd's gradients.

Run with Debian's python3-torch: /usr/bin/python3 loss_preference.py > loss_preference.json

The formulas are those of TRL's trainers (dpo_trainer.py, kto_trainer.py, experimental/bco, experimental/tpo,
experimental/xpo, experimental/nash_md, experimental/a2po), with a mean over an answer's own tokens where TRL takes an
NLL over all tokens of the batch. Each formula gets c (config) and lists of answers with l, r: token logprobs of the
policy and the reference without masked positions, and what belongs to the answer.
"""
import json, math, random, torch
from torch.nn.functional import logsigmoid
from types import SimpleNamespace

random.seed(23)

def x(a):
    return (a.l - a.r).sum()

def f32(v):
    # Multiples of 1/64 are float32 numbers.
    return [round(e * 64) / 64 for e in v]

def smooth(z, e):
    return -(1 - e) * logsigmoid(z) - e * logsigmoid(-z)

def divergence(f):
    return lambda c, pairs: [-logsigmoid(c["beta"] * (f(x(p[0]), c) - f(x(p[1]), c))) for p in pairs]

def alpha(v, c):
    a = c["alpha"] - 1
    return v if abs(a) < 1e-6 else torch.exp(torch.clamp(a * v, max=80)) / a

def aot(c, pairs):
    policy = torch.stack([p[0].l.sum() - p[1].l.sum() for p in pairs])
    ref = torch.stack([p[0].r.sum() - p[1].r.sum() for p in pairs])
    return smooth(c["beta"] * (torch.sort(policy)[0] - torch.sort(ref)[0]), c["label_smoothing"])

def aot_unpaired(c, pairs):
    good, bad = torch.stack([x(p[0]) for p in pairs]), torch.stack([x(p[1]) for p in pairs])
    return smooth(c["beta"] * (torch.sort(good)[0] - torch.sort(bad)[0]), c["label_smoothing"])

def gold(p, c):
    return -c["alpha"] * p[2].l.mean() if c["alpha"] else 0

def tpo(c, pairs):
    return [smooth(c["beta"] * (p[0].l.sum() - p[1].l.sum()), c["label_smoothing"]) + gold(p, c) for p in pairs]

def tpo_l(c, pairs):
    return [smooth(c["beta"] * (p[0].l.mean() - p[1].l.mean() - c["gamma"] / c["beta"]), c["label_smoothing"]) + gold(p, c) for p in pairs]

def xpo(c, pairs):
    return [-logsigmoid(c["beta"] * (x(p[0]) - x(p[1]))) + c["alpha"] * (p[0] if p[0].extra.get("from_reference") else p[1]).l.sum() for p in pairs]

def kto(c, answers):
    own = [a for a in answers if not a.extra.get("mismatched")]
    if c["kl"] >= 0:
        kl = torch.tensor(c["kl"], dtype=torch.float64)
    else:
        kl = torch.stack([x(a) for a in answers if a.extra.get("mismatched")]).mean().detach().clamp(min=0)
    return [c["desirable_weight"] * (1 - torch.sigmoid(c["beta"] * (x(a) - kl))) if a.good else
            c["undesirable_weight"] * (1 - torch.sigmoid(c["beta"] * (kl - x(a)))) for a in own]

def apo(c, answers):
    return [c["desirable_weight"] * (1 - torch.sigmoid(c["beta"] * x(a))) if a.good else c["undesirable_weight"] * torch.sigmoid(c["beta"] * x(a)) for a in answers]

def bco(c, answers, running):
    rewards = torch.stack([c["beta"] * x(a) for a in answers])
    mean, count = running["mean"], running["count"]
    if c["update"]:
        mean = (mean * count + rewards.detach().sum().item()) / (count + len(answers))
        running["mean"], running["count"] = mean, count + len(answers)
    return [-logsigmoid(r - mean) if a.good else -logsigmoid(-(r - mean)) for r, a in zip(rewards, answers)]

def nash(c, answers):
    return [c["beta"] * ((a.l - a.r).detach() * a.l).sum() - (a.extra["p_win"] - 0.5) * a.l.sum() for a in answers]

def a2po(c, answers):
    return [(c["beta2"] * x(a) - (a.reward - a.extra["v_star"])) ** 2 for a in answers]

K = {"beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0}
T = {"beta": 0.01, "alpha": 1.0, "label_smoothing": 0.0}
LOSSES = {
    "dpo_forward_kl": ({"beta": 0.1}, divergence(lambda v, c: -torch.exp(torch.clamp(-v, max=80))), [{"beta": 2.0}]),
    "dpo_js": ({"beta": 0.1}, divergence(lambda v, c: logsigmoid(v)), [{"beta": 2.0}]),
    "dpo_alpha": ({"beta": 0.1, "alpha": 0.5}, divergence(alpha), [{"alpha": 1.0}, {"alpha": 2.0}, {"alpha": 0.0, "beta": 1.0}]),
    "aot": ({"beta": 0.1, "label_smoothing": 0.0}, aot, [{"label_smoothing": 0.2, "beta": 1.0}]),
    "aot_unpaired": ({"beta": 0.1, "label_smoothing": 0.0}, aot_unpaired, [{"label_smoothing": 0.2, "beta": 1.0}]),
    "tpo": (T, tpo, [{"beta": 1.0, "label_smoothing": 0.1}, {"alpha": 0.0}]),
    "tpo_l": (dict(T, gamma=0.5), tpo_l, [{"beta": 2.0, "gamma": 1.0, "label_smoothing": 0.1}, {"alpha": 0.0}]),
    "xpo": ({"beta": 0.1, "alpha": 1e-5}, xpo, [{"beta": 1.0, "alpha": 0.1}]),
    "kto": (dict(K, kl=-1.0), kto, [{"beta": 1.0, "desirable_weight": 1.33, "undesirable_weight": 0.7}, {"kl": 0.25}]),
    "apo_zero_unpaired": (K, apo, [{"beta": 1.0, "desirable_weight": 2.0, "undesirable_weight": 0.0}]),
    "bco": ({"beta": 0.1, "update": 1.0}, bco, [{"beta": 1.0}, {"update": 0.0}]),
    "nash_md": ({"beta": 0.1}, nash, [{"beta": 1.0}]),
    "a2po": ({"beta2": 1e-3}, a2po, [{"beta2": 0.1}]),
}
PAIRS = {"dpo_forward_kl", "dpo_js", "dpo_alpha", "aot", "aot_unpaired", "tpo", "tpo_l", "xpo"}

lines = []
for name, (defaults, fn, others) in LOSSES.items():
    for k in range(42):
        config = ([{}] + others)[k % (1 + len(others))]
        c = dict(defaults, **config)
        apart = [0.0, 0.1, 1.0, 10.0, 100.0][k % 5]
        count = random.randrange(1, 6)
        datums, trajectories = [], []
        def answer(extra, reward, good=None):
            # Now and then a trajectory of two datums.
            parts = [random.randrange(1, 7) for _ in range(1 + (random.random() < 0.3))]
            shift = random.gauss(0, apart)
            for n in parts:
                l = f32([-abs(random.gauss(0, 2)) for _ in range(n)])
                r = f32([v + shift / 3 + random.gauss(0, 0.3) for v in l])
                m = [1.0 if i == 0 else float(random.random() < 0.75) for i in range(n)]
                datums.append({"logprobs": l, "reference": r, "mask": m, "traj": len(trajectories), "reward": reward, "extra": extra})
            trajectories.append(SimpleNamespace(extra=extra, reward=reward, good=good))
        state = None
        if name in PAIRS:
            groups = []
            for p in range(count):
                marked = k % 2 == 0
                who = [0, 1] if random.random() < 0.5 else [1, 0]
                ids = [len(trajectories), len(trajectories) + 1]
                source = random.randrange(2)
                for side in range(2):
                    extra = {"pair": "p%d" % p if k % 4 < 2 else p}
                    if marked:
                        extra["chosen"] = int(side == who[0])
                    if name == "xpo" and side == source:
                        extra["from_reference"] = 1
                    answer(extra, float(side == who[0]))
                chosen = [ids[who[0]], ids[who[1]]]
                if name.startswith("tpo") and c["alpha"]:
                    chosen.append(len(trajectories))
                    answer({"pair": "p%d" % p if k % 4 < 2 else p, "gold": 1}, 2.0)
                groups.append(chosen)
        else:
            for i in range(count + 1):
                good = random.random() < 0.5
                extra, reward = {}, random.choice([1.0, 0.5]) if good else random.choice([0.0, -1.0])
                if k % 2 and name in ("kto", "apo_zero_unpaired", "bco"):
                    extra, reward = {"desirable": int(good)}, 0.0
                if name == "nash_md":
                    extra = {"p_win": random.random()}
                if name == "a2po":
                    extra, reward = {"v_star": random.gauss(0, 1)}, random.gauss(0, 1)
                answer(extra, reward, good)
            if name == "kto":
                for i in range(1 + k % 3):
                    answer({"mismatched": 1}, 0.0, False)
            if name == "bco":
                state = {"mean": random.gauss(0, 1) if k % 3 else 0.0, "count": float(k % 3) * 4}
        ls = [torch.tensor(d["logprobs"], dtype=torch.float64, requires_grad=True) for d in datums]
        for i, t in enumerate(trajectories):
            own = [j for j, d in enumerate(datums) if d["traj"] == i]
            t.l = torch.cat([ls[j][torch.tensor(datums[j]["mask"]) > 0] for j in own])
            t.r = torch.cat([torch.tensor(datums[j]["reference"], dtype=torch.float64)[torch.tensor(datums[j]["mask"]) > 0] for j in own])
        before = dict(state) if state else None
        if name in PAIRS:
            out = fn(c, [[trajectories[i] for i in g] for g in groups])
        elif name == "bco":
            out = fn(c, trajectories, state)
        else:
            out = fn(c, trajectories)
        loss = out.mean() if torch.is_tensor(out) else torch.stack(list(out)).mean()
        loss.backward()
        case = {"loss": name, "config": config, "datums": datums, "value": loss.item(),
                "gradient": [g for l in ls for g in (l.grad.tolist() if l.grad is not None else [0.0] * len(l))]}
        if state:
            case["before"], case["after"] = before, state
        lines.append(json.dumps(case, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
