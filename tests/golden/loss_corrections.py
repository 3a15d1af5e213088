"""Writes loss_corrections.json: the token weights of the corrections written plainly in torch, in float64.

Run with Debian's python3-torch: /usr/bin/python3 loss_corrections.py > loss_corrections.json
"""
import json, random, torch

random.seed(13)

def f32(x):
    return torch.tensor(x, dtype=torch.float32).double().tolist()

def weights(name, c, l, p, q, m, a):
    w = torch.clamp(p - q, -20, 20).exp()
    if name == "tis":
        w = torch.clamp(w, max=c.get("correction_high", 2))
    elif name == "seq_tis":
        total = (p - q)[m > 0].sum()
        w = torch.ones_like(w) * torch.clamp(torch.clamp(total, -20, 20).exp(), max=c.get("correction_high", 2))
    elif name == "icepop":
        w = torch.where((w >= c.get("correction_low", 0.5)) & (w <= c.get("correction_high", 5)), w, torch.zeros_like(w))
    elif name == "seq_mask_tis":
        mean = (torch.clamp(p - q, -20, 20)[m > 0]).mean().exp()
        w = w * float(c.get("correction_low", 0.999) <= mean <= c.get("correction_high", 1.002))
    else:
        w = torch.ones_like(w) * float(a >= 0 or (q - l)[m > 0].mean() <= c["correction_high"])
    return torch.where(m > 0, w, torch.zeros_like(w))

CONFIGS = {"tis": [{}, {"correction_high": 1.1}], "icepop": [{}, {"correction_low": 0.9, "correction_high": 1.1}],
           "seq_mask_tis": [{}, {"correction_low": 0.9, "correction_high": 1.2}],
           "off_policy_seq_mask": [{"correction_high": 0.1}, {"correction_high": 0.0}],
           "seq_tis": [{}, {"correction_high": 1.1}]}
lines = []
for name, configs in CONFIGS.items():
    for k in range(44):
        c, n = configs[k % len(configs)], 8
        spread = [0.001, 0.05, 0.5, 3.0, 40.0][k % 5]
        logprobs = f32([-abs(random.gauss(0, 2)) for _ in range(n)])
        old = f32([l + random.gauss(0, 0.1) for l in logprobs])
        sampling = f32([l + random.gauss(0, spread) for l in old])
        mask = [1.0] + [float(random.random() < 0.75) for _ in range(n - 1)]
        a = [1.0, -1.0, 0.0, -0.3][k // 2 % 4]
        w = weights(name, c, *(torch.tensor(x, dtype=torch.float64) for x in (logprobs, old, sampling, mask)), a)
        lines.append(json.dumps({"correction": name, "config": c, "logprobs": logprobs, "old": old, "sampling": sampling, "mask": mask,
                                 "advantage": a, "weights": w.tolist()}, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
