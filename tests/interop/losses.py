"""HUD's two documented custom losses: torch through HUD's client, and Lua through hudrl run, train alike."""
import asyncio
import json
import os
import subprocess

import torch
from hud.train import TrainingClient

from batches import rewarded, sample
from suite import (BACKWARD, CHECKPOINTS, FORWARD, GATEWAY, OPTIM_STEP, RESOLVE, equal, near, want)

STEPS, GROUP, RATE = 3, 4, 1e-4
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "losses.lua")


def page(data, logprobs):
    """The loss of the reference page "Training": importance-weighted, on raw rewards."""
    loss = torch.zeros(())
    for datum, policy in zip(data, logprobs):
        ratio = torch.exp(policy - torch.tensor(datum.sampling_logprobs))
        loss = loss - (ratio * datum.reward * torch.tensor(datum.mask)).sum()
    return loss, {"trained": float(len(data))}


def glm(data, logprobs, low=0.2, high=0.28):
    """The loss of cookbooks/rl-training/ppo_custom_loss.py: importance sampling, hard-masked on both sides."""
    groups = {}
    for datum in data:
        groups.setdefault(datum.group_idx, []).append(datum.reward)
    total, trained, masked = torch.zeros(()), torch.zeros(()), 0.0
    for datum, policy in zip(data, logprobs):
        action = torch.tensor(datum.mask)
        of_group = groups[datum.group_idx]
        ratio = torch.exp(policy - torch.tensor(datum.sampling_logprobs))
        keep = action * ((ratio >= 1 - low) & (ratio <= 1 + high)).float()
        total = total - (ratio * (datum.reward - sum(of_group) / len(of_group)) * keep).sum()
        trained = trained + keep.sum()
        masked += float((action.sum() - keep.sum()).item())
    return total / trained.clamp_min(1.0), {"trained_tokens": float(trained.item()), "masked_tokens": masked}


def run(suite, ids, hudrl):
    asyncio.run(_run(suite, ids, hudrl))


async def _run(suite, ids, hudrl):
    for name, loss in (("page", page), ("glm", glm)):
        await _compare(suite, ids, hudrl, name, loss)


def batches(model):
    """Batches whose sampling policy is not quite the model, so that some ratios leave [0.8, 1.28]."""
    out = []
    for s in range(STEPS):
        turns = sample(model, 2 * GROUP, question=f"What is {s} + 4?", tokens=12, seed=1000 * s)
        for i, t in enumerate(turns):
            t.output_logprobs = [lp + 0.4 * ((7 * i + 3 * k) % 11 - 5) / 5 for k, lp in enumerate(t.output_logprobs)]
        out.append(rewarded(turns, [0.0, 1.0, 0.25, 0.75, 1.0]))
    return out


async def _compare(suite, ids, hudrl, name, loss):
    ours, theirs = f"{name}-lua", f"{name}-torch"
    client = TrainingClient(ids[theirs])
    work, python, lua = [], [], []
    with suite.check(f"{name} loss: its batches", [GATEWAY] * (STEPS * 2 * GROUP)):
        work = batches(theirs)
    one_step = [FORWARD, BACKWARD, OPTIM_STEP, CHECKPOINTS]
    with suite.check(f"{name} loss in torch: TrainingClient.forward_backward_custom, optim_step", one_step * STEPS):
        for batch in work:
            seen = []

            def keeps(data, logprobs):
                seen.extend((data, logprobs))
                return loss(data, logprobs)

            result = await client.forward_backward_custom(batch, keeps, group_size=GROUP)
            await client.optim_step(learning_rate=RATE)
            data, leaves = seen
            python.append({"data": data, "gradients": [lp.grad.tolist() for lp in leaves], "logprobs": [lp.tolist() for lp in leaves],
                           "metrics": result.metrics, "grad_norm": (await client.head()).metrics["grad_norm"]})
    with suite.check(f"{name} loss in Lua: hudrl run --service, trainer:forward_backward_custom, optim_step",
                     [FORWARD, BACKWARD, OPTIM_STEP] * STEPS, some=[RESOLVE, CHECKPOINTS]):
        order = {"model": ours, "loss": name, "group_size": GROUP, "learning_rate": RATE,
                 "batches": [[p.model_dump(exclude_none=True) for p in batch] for batch in work]}
        done = subprocess.run([hudrl, "run", "--service", suite.url, SCRIPT, json.dumps(order)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        want(done.returncode == 0, f"hudrl run: exit code {done.returncode}: {done.stderr}")
        lua = json.loads(done.stdout)
        for step in lua:  # all datums' positions in a row, until here
            for what in ("gradients", "logprobs"):
                step[what] = [step[what][a:b] for a, b in zip(step["offsets"], step["offsets"][1:])]
    apart = {}
    with suite.check(f"{name} loss: every token's gradient in Lua is torch's within 1e-6·max(1, |it|)"):
        equal(len(lua), STEPS, "steps")
        want(any(g for step in python for row in step["gradients"] for g in row), "every gradient is 0")
        if name == "glm":
            want(all(s["metrics"]["masked_tokens"] > 0 and s["metrics"]["trained_tokens"] > 0 for s in python),
                 "want tokens inside and outside the region")
        # Of the first step, what was sent to models that are the same; of all, at the logprobs that Lua was given.
        equal(lua[0]["logprobs"], python[0]["logprobs"], "logprobs before the first step")
        apart["gradients"] = _apart(lua[0]["gradients"], python[0]["gradients"], relative=True)
        for a, b in zip(lua, python):
            leaves = [torch.tensor(row, requires_grad=True) for row in a["logprobs"]]
            value, metrics = loss(b["data"], leaves)
            value.backward()
            apart["gradients"] = max(apart["gradients"], _apart(a["gradients"], [lp.grad.tolist() for lp in leaves], relative=True))
            equal({k: a["metrics"][k] for k in metrics}, metrics, "the loss's own metrics")
        want(apart["gradients"] <= 1e-6, f"got {apart['gradients']} apart, want at most 1e-6")
    with suite.check(f"{name} loss: after each of {STEPS} steps the two models' logprobs agree within 2e-4", [FORWARD] * 2):
        last = [[d.logprobs for d in (await TrainingClient(ids[m]).forward(work[0])).data] for m in (ours, theirs)]
        apart["logprobs"] = max(_apart(*last), *(_apart(a["logprobs"], b["logprobs"]) for a, b in zip(lua, python)))
        near([s["grad_norm"] for s in lua], [s["grad_norm"] for s in python], 1e-3 * python[0]["grad_norm"], "grad_norm of each step")
        moved = _apart(last[1], python[0]["logprobs"])
        want(moved > 0.1, f"the logprobs moved by {moved}, want training that does something")
        want(apart["logprobs"] <= 2e-4, f"got {apart['logprobs']} apart, want at most 2e-4")
    if len(apart) == 2:
        print(f"      {name}: Lua from torch, at most: gradients {apart['gradients']:.2g}, logprobs of {STEPS} steps {apart['logprobs']:.2g}; "
              f"the steps moved a logprob by up to {moved:.2g}", file=suite.out)


def _apart(a, b, relative=False):
    """The largest difference of two lists of datums' values."""
    equal([len(row) for row in a], [len(row) for row in b], "lengths")
    return max(abs(x - y) / (max(1.0, abs(y)) if relative else 1.0) for p, q in zip(a, b) for x, y in zip(p, q))
