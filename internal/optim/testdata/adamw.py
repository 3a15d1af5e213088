"""Writes adamw.json: steps of torch.optim.AdamW in float64.

Usage: python3 adamw.py > adamw.json
"""
import json

import torch

hyper = dict(lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64))
opt = torch.optim.AdamW([w], **hyper)
steps = []
for t in range(6):
    # Exact in binary; the last element has no gradient until step 4.
    g = [(t - 2) / 4, 1.0, -0.125 * t, 2.0 if t >= 3 else 0.0]
    w.grad = torch.tensor(g, dtype=torch.float64)
    opt.step()
    s = opt.state[w]
    steps.append({"grad": g, "w": w.tolist(), "m": s["exp_avg"].tolist(), "v": s["exp_avg_sq"].tolist()})
print(json.dumps({"torch": torch.__version__, "hyper": hyper, "start": [1.0, -2.0, 0.5, 0.0], "steps": steps}, indent=1))
