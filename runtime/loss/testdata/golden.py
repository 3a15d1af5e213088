"""Writes golden.json: the losses written plainly in torch, in float64, with autograd's gradients.

Run with Debian's python3-torch: /usr/bin/python3 golden.py > golden.json
"""
import json, random, torch

random.seed(7)

def clip(r, lo, hi):
    return torch.clamp(r, lo, hi)

LOSSES = {
    "cross_entropy": ({}, lambda l, q, m, a, c: -l * m),
    "importance_sampling": ({}, lambda l, q, m, a, c: -(l - q).exp() * a * m),
    "ppo": ({"clip_low_threshold": 0.8, "clip_high_threshold": 1.2},
            lambda l, q, m, a, c: -torch.min((l - q).exp() * a, clip((l - q).exp(), c["clip_low_threshold"], c["clip_high_threshold"]) * a) * m),
    "cispo": ({"clip_low_threshold": 0.0, "clip_high_threshold": 4.0},
              lambda l, q, m, a, c: -clip((l - q).exp(), c["clip_low_threshold"], c["clip_high_threshold"]).detach() * l * a * m),
    "dro": ({"beta": 0.05}, lambda l, q, m, a, c: -(l * a - 0.5 * c["beta"] * (l - q) ** 2) * m),
    "reinforce": ({}, lambda l, q, m, a, c: -a * l * m),
    "glm_double_sided": ({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28},
                         lambda l, q, m, a, c: -(l - q).exp() * a * m * (((l - q).exp() >= c["clip_low_threshold"]) & ((l - q).exp() <= c["clip_high_threshold"])).double()),
}
CONFIGS = {"ppo": [{}, {"clip_low_threshold": 0.5, "clip_high_threshold": 3.0}, {"epsilon": 0.3}],
           "cispo": [{}, {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}],
           "dro": [{}, {"beta": 2.0}],
           "glm_double_sided": [{}, {"clip_low_threshold": 0.25, "clip_high_threshold": 5.0}]}

def f32(x):
    return torch.tensor(x, dtype=torch.float32).double().tolist()

cases = []
for name, (defaults, fn) in LOSSES.items():
    for k in range(42):
        config = CONFIGS.get(name, [{}])[k % len(CONFIGS.get(name, [{}]))]
        c = dict(defaults, **config)
        if "epsilon" in c:
            c["clip_low_threshold"], c["clip_high_threshold"] = 1 - c["epsilon"], 1 + c["epsilon"]
        n = 8
        # From on policy to far outside every bound.
        spread = [0.0, 0.05, 0.3, 1.5, 10.0, 40.0][k % 6]
        logprobs = f32([-abs(random.gauss(0, 2)) for _ in range(n)])
        sampling = f32([l + random.gauss(0, spread) for l in logprobs])
        mask = [float(random.random() < 0.75) for _ in range(n)]
        advantage = [0.0, 1.0, -1.0, 0.37, -2.5, 1e-3, -40.0][k % 7]
        l = torch.tensor(logprobs, dtype=torch.float64, requires_grad=True)
        q, m = torch.tensor(sampling, dtype=torch.float64), torch.tensor(mask, dtype=torch.float64)
        loss = fn(l, q, m, advantage, c).sum()
        loss.backward()
        cases.append({"loss": name, "config": config, "logprobs": logprobs, "sampling": sampling, "mask": mask,
                      "advantage": advantage, "value": loss.item(), "gradient": l.grad.tolist()})

print(json.dumps({"torch": torch.__version__, "cases": cases}, indent=0, separators=(",", ":")))
