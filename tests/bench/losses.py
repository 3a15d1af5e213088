"""The peer of the losses' benchmarks: prints a line "name nanoseconds" for each.

    losses.py [THREADS]

One thread is torch's best for these sizes but for the largest padded batch.
"""
import sys
import time

import torch
import torch.nn.functional as F

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
    print("peer/" + name, spent / runs * 1e9, flush=True)


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


def clipped(r, adv, lo, hi):
    return torch.minimum(r * adv, r.clamp(lo, hi) * adv)


def backward(leaves, value):
    for lp in leaves:
        lp.grad = None
    value().backward()


def ppo_loop(lps, qs, refs, advs):
    return -sum(clipped(torch.exp(lp - q), adv, 0.8, 1.2).sum() for lp, q, adv in zip(lps, qs, advs))


def ppo_padded(lp, q, ref, adv):
    return -clipped(torch.exp(lp - q), adv, 0.8, 1.2).sum()


def gspo_loop(lps, qs, refs, advs):
    return -sum(clipped(torch.exp((lp - q).mean()), adv, 0.9997, 1.0004) for lp, q, adv in zip(lps, qs, advs))


def gspo_padded(lp, q, ref, adv):
    return -clipped(torch.exp((lp - q).mean(1, keepdim=True)), adv, 0.9997, 1.0004).sum()


def dpo_loop(lps, qs, refs, advs):
    x = [lp.sum() - ref.sum() for lp, ref in zip(lps, refs)]
    return -sum(F.logsigmoid(0.1 * (c - r)) for r, c in zip(x[::2], x[1::2]))


def dpo_padded(lp, q, ref, adv):
    x = (lp - ref).sum(1)
    return -F.logsigmoid(0.1 * (x[1::2] - x[::2])).sum()


torch.manual_seed(1)
for d, t in ((64, 512), (256, 1024), (256, 4096), (1024, 256)):
    q = -torch.empty(d, t).exponential_()
    lp = q + 0.1 * torch.randn(d, t)
    adv = torch.arange(d) % 2 - 0.5
    size = f"{d}x{t}"
    lps = [row.clone().requires_grad_() for row in lp]
    whole = lp.clone().requires_grad_()
    measure(f"glm_double_sided-loop/{size}", lambda: loop(lps, list(q), adv.tolist()))
    measure(f"glm_double_sided-padded/{size}", lambda: padded(whole, q, adv[:, None]))
    for name in ("ppo", "gspo", "dpo"):
        many, one = globals()[name + "_loop"], globals()[name + "_padded"]
        measure(f"{name}-loop/{size}", lambda: backward(lps, lambda: many(lps, list(q), list(q), adv.tolist())))
        measure(f"{name}-padded/{size}", lambda: backward([whole], lambda: one(whole, q, q, adv[:, None])))

x, y = torch.randn(1 << 20), torch.empty(1 << 20)
measure("exp/1M", lambda: torch.exp(x, out=y))


def tiny(a=torch.randn(3), b=torch.randn(3)):
    for _ in range(10000):
        a * b


measure("tiny/10000", tiny)
