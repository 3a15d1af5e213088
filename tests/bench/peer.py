"""The peer's side of the benchmarks: prints a line "name nanoseconds" for each.

Everything runs on one thread, which is torch's best for these sizes but for the largest padded batch (see run.sh).
"""
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
SECONDS = 0.3


def measure(name, f):
    f()
    runs, start = 0, time.perf_counter()
    while True:
        f()
        runs += 1
        spent = time.perf_counter() - start
        if spent >= SECONDS and runs >= 3:
            break
    print(name, spent / runs * 1e9, flush=True)


def loop(lps, qs, advs):
    for lp in lps:
        lp.grad = None
    total = 0
    for lp, q, adv in zip(lps, qs, advs):
        ratio = torch.exp(lp - q)
        mask = ((ratio >= 0.8) & (ratio <= 1.28)).float()
        total = total - (ratio * adv * mask).sum() / mask.sum()
    total.backward()


def padded(lp, q, adv):
    lp.grad = None
    ratio = torch.exp(lp - q)
    mask = ((ratio >= 0.8) & (ratio <= 1.28)).float()
    total = -((ratio * adv * mask).sum(1) / mask.sum(1)).sum()
    total.backward()


torch.manual_seed(1)
for d, t in ((64, 512), (256, 1024), (256, 4096), (1024, 256)):
    q = -torch.empty(d, t).exponential_()
    lp = q + 0.1 * torch.randn(d, t)
    adv = torch.arange(d) % 2 - 0.5
    size = f"{d}x{t}"
    lps = [row.clone().requires_grad_() for row in lp]
    measure(f"loop/{size}", lambda: loop(lps, list(q), adv.tolist()))
    whole = lp.clone().requires_grad_()
    measure(f"padded/{size}", lambda: padded(whole, q, adv[:, None]))

x, y = torch.randn(1 << 20), torch.empty(1 << 20)
measure("exp/1M", lambda: torch.exp(x, out=y))


def tiny(a=torch.randn(3), b=torch.randn(3)):
    for _ in range(10000):
        a * b


measure("tiny/10000", tiny)
