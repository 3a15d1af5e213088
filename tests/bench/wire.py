"""The peer of the wire's benchmarks: prints a line "name nanoseconds" for each.

    wire.py
    wire.py memory      prints "name-mb megabytes" instead, of the largest pass alone

What HUD's Python client does with a forward pass: json.loads of the answer, a tensor of each list, the documented custom
loss in a loop over the datums, backward, tolist, json.dumps as httpx writes it. Left out, in the peer's favour: pydantic,
which checks and copies both bodies, and httpx itself. "short" are answers whose numbers have float32's digits, as hudrl
serve writes them; the others have the 17 digits that Python writes.
"""
import json
import os
import resource
import sys
import tempfile
import time

import torch

torch.set_num_threads(1)
SECONDS = 0.5
SIZES = ((64, 512), (256, 1024), (256, 4096), (1024, 256))


def answer(datums, tokens, short=False):
    torch.manual_seed(1)
    q = -torch.empty(datums, tokens).exponential_()
    lp = q + 0.1 * torch.randn(datums, tokens)
    digits = (lambda row: [float(f"{x:.9g}") for x in row.tolist()]) if short else (lambda row: row.tolist())
    return json.dumps({"forward_id": "f-1", "data": [
        {"reward": float(d % 2), "traj_idx": d, "group_idx": d // 8, "logprobs": digits(lp[d]),
         "sampling_logprobs": digits(q[d]), "mask": [1.0] * tokens} for d in range(datums)]}).encode()


def loss(data, logprobs):
    groups = {}
    for datum in data:
        groups.setdefault(datum["group_idx"], []).append(datum["reward"])
    mean = {g: sum(r) / len(r) for g, r in groups.items()}
    total, trained, masked = logprobs[0].new_zeros(()), logprobs[0].new_zeros(()), 0.0
    for datum, lp in zip(data, logprobs):
        q = torch.tensor(datum["sampling_logprobs"], dtype=torch.float32)
        mask = torch.tensor(datum["mask"], dtype=torch.float32)
        ratio = torch.exp(lp - q)
        keep = mask * ((ratio >= 0.8) & (ratio <= 1.28)).float()
        total = total - (ratio * (datum["reward"] - mean[datum["group_idx"]]) * keep).sum()
        trained = trained + keep.sum()
        masked += float((mask.sum() - keep.sum()).item())
    return total / trained.clamp_min(1.0), {"trained_tokens": float(trained.item()), "masked_tokens": masked}


def encode(weights, metrics):
    request = {"forward_id": "f-1", "weights": weights, "metrics": metrics}
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def custom(body):
    data = json.loads(body)["data"]
    leaves = [torch.tensor(d["logprobs"], dtype=torch.float32).requires_grad_() for d in data]
    value, metrics = loss(data, leaves)
    value.backward()
    return encode([(-leaf.grad).detach().tolist() for leaf in leaves], metrics)


def measure(name, f):
    f()
    runs, start = 0, time.perf_counter()
    while True:
        f()
        runs += 1
        spent = time.perf_counter() - start
        if spent >= SECONDS and runs >= 2:
            break
    print("peer/" + name, spent / runs * 1e9, flush=True)


if len(sys.argv) > 1:
    with tempfile.NamedTemporaryFile() as file:
        if (child := os.fork()) == 0:  # what makes the answer is not the client's
            file.write(answer(256, 4096))
            file.flush()
            os._exit(0)
        os.waitpid(child, 0)
        for _ in range(3):
            with open(file.name, "rb") as body:
                custom(body.read())
    print("peer/custom/256x4096-mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    sys.exit()

for d, t in SIZES:
    for kind in ("", "short-"):
        body = answer(d, t, bool(kind))
        measure(f"custom/{kind}{d}x{t}", lambda: custom(body))
        measure(f"decode/{kind}{d}x{t}", lambda: json.loads(body))
    gradients = [0.001 * torch.randn(t) for _ in range(d)]
    measure(f"encode/{d}x{t}", lambda: encode([(-g).detach().tolist() for g in gradients], {}))
