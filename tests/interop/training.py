"""Every method of hud.TrainingClient, on inline payloads."""
import asyncio
import inspect
import logging
import math

import hud
import torch
from hud.settings import settings
from hud.train import BuiltinLoss, TrainingClient
from hud.train.types import TrajectoryPayload, TrajectorySample

from batches import gateway, rewarded, sample
from suite import (BACKWARD, CHECKPOINTS, FORWARD, FORWARD_BACKWARD, GATEWAY, HEAD, LOSSES, MODELS, OPTIM_STEP, equal, near, surface, want)

MODEL = "interop"


class Warnings(logging.Handler):
    """What the client warns of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())

    def take(self):
        said, self.said = self.said, []
        return said


def run(suite, ids):
    asyncio.run(_run(suite, ids))


async def _run(suite, ids):
    warnings = Warnings()
    log = logging.getLogger("hud.train.client")
    log.addHandler(warnings)
    client = TrainingClient(MODEL)

    with suite.check("hud.TrainingClient: all of its calls are coroutines, as this suite awaits them"):
        other = [name for name, f in surface(TrainingClient).items() if name != "__init__" and not inspect.iscoroutinefunction(f)]
        want(not other, f"these are no coroutines: {other}")
        want(hud.TrainingClient is TrainingClient, "hud.TrainingClient is another class")
    with suite.check("TrainingClient.available_losses", MODELS, LOSSES):
        names = await client.available_losses()
        want(set(BuiltinLoss) <= set(names), f"got {names}, want {list(BuiltinLoss)} among them")
    with suite.check("TrainingClient.checkpoints, head: base weights", [CHECKPOINTS] * 2):
        equal(await client.checkpoints(), [], "checkpoints")
        equal(await client.head(), None, "head")

    with suite.check("the gateway's token capture: what payloads are made of", [GATEWAY] * 8):
        turns = sample(MODEL, 8)
        for t in turns:
            equal(len(t.output_logprobs), len(t.output_token_ids), "logprobs of an answer")
            want(t.prompt_token_ids == turns[0].prompt_token_ids and 0 < len(t.output_token_ids) <= 6, f"got {t}")
    batch = rewarded(turns, [0.0, 1.0])
    await _forward(suite, client, turns, batch)
    await _losses(suite, client, turns, batch, warnings)
    await _steps(suite, client, batch)
    await _tree(suite, client, batch, warnings)
    await _addresses(suite, client, ids, batch)
    log.removeHandler(warnings)


async def _forward(suite, client, turns, batch):
    """The tensors of a pass, and gradients of the caller's."""
    passed = None
    with suite.check("TrainingClient.forward: groups, reward_scale, the tensors' alignment", FORWARD):
        passed = await client.forward(batch, group_size=4, reward_scale=2.0)
        equal(len(passed.data), 8, "datums")
        for i, (d, t) in enumerate(zip(passed.data, turns)):
            prompt, output = len(t.prompt_token_ids), len(t.output_token_ids)
            equal((d.traj_idx, d.group_idx, d.reward), (i, i // 4, 2.0 * (i % 2)), f"datum {i}: traj_idx, group_idx, reward")
            equal(d.mask, [0.0] * (prompt - 1) + [1.0] * output, f"datum {i}: mask")
            equal(d.sampling_logprobs, [0.0] * (prompt - 1) + t.output_logprobs, f"datum {i}: sampling_logprobs")
            near(d.logprobs[prompt - 1:], t.output_logprobs, 1e-4, f"datum {i}: the policy that sampled it")
            want(all(math.isfinite(x) and x <= 0 for x in d.logprobs), f"datum {i}: logprobs: got {d.logprobs}")
    with suite.check("TrainingClient.backward: the caller's metrics come back", BACKWARD):
        result = await client.backward(passed.forward_id, [[0.1 * m for m in d.mask] for d in passed.data], metrics={"mine": 1.5})
        equal((result.num_datums, result.metrics["mine"]), (8, 1.5), "num_datums, metrics")
    with suite.check("TrainingClient.forward: no groups; turns make one datum where each extends the last", FORWARD):
        first = turns[0]
        longer = TrajectorySample(
            prompt_token_ids=first.prompt_token_ids + first.output_token_ids + first.prompt_token_ids,
            output_token_ids=turns[1].output_token_ids, output_logprobs=turns[1].output_logprobs,
        )
        out = (await client.forward([TrajectoryPayload(samples=[first, longer], reward=0.5),
                                     TrajectoryPayload(samples=[first, turns[1]], reward=1.0)])).data
        equal([d.traj_idx for d in out], [0, 1, 1], "traj_idx")
        equal([d.group_idx for d in out], [None] * 3, "group_idx")
        equal(len(out[0].mask), len(longer.prompt_token_ids) + len(longer.output_token_ids) - 1, "positions of the merged datum")
        equal(sum(out[0].mask), len(first.output_token_ids) + len(longer.output_token_ids), "its action tokens")
    with suite.check("TrainingClient.forward: prompt_chunks of text stand for prompt_token_ids", FORWARD):
        chunked = TrajectorySample(
            prompt_chunks=[{"type": "encoded_text", "tokens": turns[0].prompt_token_ids}],
            output_token_ids=turns[0].output_token_ids, output_logprobs=turns[0].output_logprobs,
        )
        both = (await client.forward([batch[0], TrajectoryPayload(samples=[chunked], reward=1.0, trace_id="0" * 32)])).data
        equal(both[0].logprobs, both[1].logprobs, "logprobs")
    with suite.check("TrainingClient.forward_backward_custom: forward, torch, backward", FORWARD, BACKWARD):
        seen = []

        def loss(data, logprobs):
            seen.extend((len(data), len(logprobs), logprobs[0].dtype, logprobs[0].requires_grad))
            total = sum((lp * torch.tensor(d.mask)).sum() * d.reward for d, lp in zip(data, logprobs))
            return -total, {"mean_logprob": float(total.detach()) / len(data)}

        result = await client.forward_backward_custom(batch, loss, group_size=2, reward_scale=0.5)
        equal(seen, [8, 8, torch.float32, True], "what the loss was given")
        want(result.num_datums == 8 and result.metrics["mean_logprob"] < 0, f"got {result}")
    with suite.check("TrainingClient.optim_step: every parameter; what was accumulated is used up", OPTIM_STEP, CHECKPOINTS):
        done = await client.optim_step(learning_rate=1e-4, beta1=0.8, beta2=0.9, eps=1e-7, weight_decay=0.01)
        equal((done.step, done.model), (1, MODEL), "step, model")
        head = await client.head()
        equal((head.id, head.prev_model_checkpoint_id, head.learning_rate), (done.checkpoint_id, None, 1e-4), "the head")
        want(done.sampler_path and done.state_path, f"got {done}, want paths")


async def _losses(suite, client, turns, batch, warnings):
    """The built-in losses and the options of forward_backward."""
    for name in BuiltinLoss:
        config = {"ppo": {"clip_low_threshold": 0.9, "clip_high_threshold": 1.1}, "dro": {"beta": 0.1}}.get(name)
        with suite.check(f"TrainingClient.forward_backward: {name}" + (f" with {config}" if config else ""), FORWARD_BACKWARD):
            result = await client.forward_backward(batch, loss_fn=name, loss_fn_config=config, group_size=4)
            equal(result.num_datums, 8, "num_datums")
            want("loss:sum" in result.metrics and all(math.isfinite(v) for v in result.metrics.values()), f"got {result.metrics}")
    with suite.check("TrainingClient.forward_backward: cross_entropy is −Σ logprob of forward's", FORWARD, FORWARD_BACKWARD):
        data = (await client.forward(batch)).data
        nll = -sum(lp * m for d in data for lp, m in zip(d.logprobs, d.mask))
        got = (await client.forward_backward(batch, loss_fn="cross_entropy")).metrics["loss:sum"]
        near(got, nll, 1e-4 * nll, "loss:sum")
    with suite.check("TrainingClient.forward_backward: importance_sampling is −Σ ratio·(reward − the group's mean)", FORWARD, FORWARD_BACKWARD):
        uneven = rewarded(turns, [0.0, 1.0, 0.5])
        data = (await client.forward(uneven, group_size=4)).data
        mean = [sum(d.reward for d in data[g:g + 4]) / 4 for g in (0, 4)]
        loss = -sum(math.exp(lp - q) * (d.reward - mean[d.group_idx]) * m
                    for d in data for lp, q, m in zip(d.logprobs, d.sampling_logprobs, d.mask))
        plain = await client.forward_backward(uneven, group_size=4)
        near(plain.metrics["loss:sum"], loss, 1e-4, "loss:sum")
    with suite.check("TrainingClient.forward_backward: num_substeps changes no sum, reward_scale scales it", [FORWARD_BACKWARD] * 3):
        plain = await client.forward_backward(batch, group_size=2)
        split = await client.forward_backward(batch, group_size=2, num_substeps=4)
        double = await client.forward_backward(batch, group_size=2, reward_scale=2.0)
        near(split.metrics["loss:sum"], plain.metrics["loss:sum"], 1e-5, "loss:sum of four pieces")
        near(double.metrics["loss:sum"], 2 * plain.metrics["loss:sum"], 1e-5, "loss:sum of rewards twice as large")
        equal(split.num_datums, 8, "num_datums")
    warnings.take()
    with suite.check("TrainingClient.forward_backward: groups without spread are warned of, and taken", FORWARD_BACKWARD):
        result = await client.forward_backward(rewarded(turns, [1.0, 1.0, 0.0, 0.0]), group_size=2)
        said = warnings.take()
        want(len(said) == 1 and said[0].startswith("no GRPO group has any reward spread"), f"got the warnings {said}")
        equal((result.num_datums, result.metrics["loss:sum"]), (8, 0.0), "num_datums, loss:sum")
    with suite.check("TrainingClient.forward_backward: no warning where one group has spread", FORWARD_BACKWARD):
        await client.forward_backward(rewarded(turns, [1.0, 1.0, 0.0, 1.0]), group_size=2)
        equal(warnings.take(), [], "warnings")


async def _steps(suite, client, batch):
    with suite.check("TrainingClient.step: every parameter", FORWARD_BACKWARD, OPTIM_STEP):
        done = await client.step(
            batch, learning_rate=2e-4, loss_fn="ppo", loss_fn_config={"clip_high_threshold": 1.3}, group_size=2,
            reward_scale=0.5, num_substeps=2, weight_decay=0.1,
        )
        equal(done.step, 2, "step")
    with suite.check("TrainingClient.step: the policy moves towards what was rewarded", FORWARD, FORWARD_BACKWARD, OPTIM_STEP, FORWARD):
        def liked(data):
            return sum(lp * m * (1 if d.reward else -1) for d in data for lp, m in zip(d.logprobs, d.mask))

        before = liked((await client.forward(batch)).data)
        await client.step(batch, learning_rate=1e-3, group_size=8)
        after = liked((await client.forward(batch)).data)
        want(after > before, f"logprob of the rewarded minus that of the others: got {after} after {before}")


async def _tree(suite, client, batch, warnings):
    """Checkpoints, rolling back and branching."""
    tree = []
    with suite.check("TrainingClient.checkpoints: the tree and what each step was", CHECKPOINTS):
        tree = await client.checkpoints()
        equal([c.prev_model_checkpoint_id for c in tree], [None, tree[0].id, tree[1].id], "parents")
        equal([c.is_active for c in tree], [False, False, True], "active")
        last = tree[2]
        was = (last.loss_fn, last.learning_rate, last.num_traces, last.num_datums)
        equal(was, ("importance_sampling", 1e-3, 8, 8), "loss_fn, learning_rate, num_traces, num_datums")
        rewards = [last.mean_reward, *(last.metrics[m] for m in ("reward_std", "reward_min", "reward_max"))]
        near(rewards, [0.5, 0.5, 0.0, 1.0], 1e-9, "rewards: mean, std, min, max")
        for c in tree:
            want(c.name and c.checkpoint_name and c.created_at and c.num_tokens, f"got {c}, want names, a time and tokens")
            want({"reward_std", "reward_min", "reward_max", "sampling_logprob_mean"} <= set(c.metrics), f"got the metrics {sorted(c.metrics)}")
    with suite.check("TrainingClient.set_head: rolls back; the next step branches",
                     HEAD, CHECKPOINTS, FORWARD_BACKWARD, OPTIM_STEP, CHECKPOINTS):
        await client.set_head(tree[0].id)
        equal((await client.head()).id, tree[0].id, "head")
        done = await client.step(batch, learning_rate=1e-4, group_size=2)
        branch = (await client.checkpoints())[-1]
        equal((branch.id, branch.prev_model_checkpoint_id, done.step), (done.checkpoint_id, tree[0].id, 4), "the branch")
    with suite.check("the gateway serves the head, or the checkpoint that a request names", [GATEWAY] * 2):
        with gateway() as chat:
            ask = dict(model=MODEL, messages=[{"role": "user", "content": "What is 3 + 4?"}], max_tokens=4, temperature=0)
            equal(chat.chat.completions.create(**ask).checkpoint_id, branch.id, "checkpoint of the head")
            equal(chat.chat.completions.create(**ask, extra_body={"checkpoint": tree[1].checkpoint_name}).checkpoint_id, tree[1].id, "checkpoint by name")


async def _addresses(suite, client, ids, batch):
    """The ways to name a model and a service."""
    with suite.check("TrainingClient(model): by id, without dashes, by display name", [LOSSES] * 3):
        for name in (ids[MODEL], ids[MODEL].replace("-", ""), MODEL.upper()):
            await TrainingClient(name).available_losses()
    with suite.check("TrainingClient(model, api_key=, base_url=, api_url=): another address, which may end in /", MODELS, LOSSES, CHECKPOINTS):
        other = settings.hud_api_url.replace("127.0.0.1", "localhost")
        there = TrainingClient(MODEL, api_key=settings.api_key, base_url=other + "/", api_url=other + "/")
        await there.available_losses()
        want(len(await there.checkpoints()) == 4, "got other checkpoints")
    with suite.check("TrainingClient: four clients train four passes at once", [FORWARD_BACKWARD] * 4, OPTIM_STEP):
        clients = [TrainingClient(ids[MODEL]) for _ in range(4)]
        done = await asyncio.gather(*(c.forward_backward(batch, group_size=2) for c in clients))
        equal([d.num_datums for d in done], [8] * 4, "num_datums")
        equal((await client.optim_step(learning_rate=1e-5)).step, 5, "step")
