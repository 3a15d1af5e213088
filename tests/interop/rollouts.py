"""Rollouts by HUD's own agents, tasks and jobs, and what can be trained on them."""
import asyncio
import itertools
import uuid

from hud import Environment, Job, LocalRuntime, Taskset
from hud.agents import create_agent
from hud.agents.types import AgentStep, Sample
from hud.graders import EvaluationResult
from hud.telemetry import flush
from hud.telemetry.context import set_trace_context
from hud.train import TrainingClient
from hud.train.client import _run_to_input
from hud.train.types import TrajectoryPayload, TrajectorySample
from hud.types import Trace
from hud.utils.exceptions import HudRequestError
from hud.utils.platform import PlatformClient

from batches import gateway, sample
from failures import raises, setting
from suite import (ENTER, EXIT, FORWARD, FORWARD_BACKWARD, GATEWAY, JOB, MODELS, OPTIM_STEP, UPLOAD, equal, near, want)

MODEL = "rollouts"
env, graded = Environment(name="sums"), itertools.count()


@env.template()
async def add(a: int, b: int):
    """Asks for a sum; no two rollouts have the same reward, so that every group has spread."""
    answer = yield f"What is {a} + {b}?"
    text = answer if isinstance(answer, str) else str(answer)
    yield EvaluationResult(reward=next(graded) / 16, content=text)


def samples(run):
    return run.trace.collect(lambda step: step.sample if isinstance(step, AgentStep) else None)


def run(suite, ids):
    asyncio.run(_run(suite))


async def _run(suite):
    client = TrainingClient(MODEL)
    session, runs = None, []
    with suite.check("Taskset.run: rollouts by HUD's agent, reported with their samples",
                     MODELS, JOB, [ENTER, EXIT, GATEWAY] * 6, some=[UPLOAD]):
        capture = {"return_token_ids": True}
        agent = create_agent(MODEL, completion_kwargs={"max_tokens": 6, "temperature": 1, "extra_body": capture})
        session = await Job.start("interop", group=3)
        await Taskset("sums", [add(a=3, b=4), add(a=1, b=1)]).run(agent, runtime=LocalRuntime(env), job=session, max_concurrent=2)
        flush()
        runs = session.runs
        equal([r.trace.status for r in runs], ["completed"] * 6, "status")
        for r in runs:
            [turn] = samples(r)
            want(len(turn.output_logprobs) == len(turn.output_token_ids) > 0, f"got {turn}, want tokens and logprobs")
        equal(sorted(r.reward for r in runs), [i / 16 for i in range(6)], "rewards")
    ids = [r.trace_id for r in runs]
    with suite.check("TrainingClient.forward: a Run and its trace_id are the same input", MODELS, [FORWARD] * 2):
        inline = (await client.forward(runs, group_size=3)).data
        recorded = (await client.forward(ids, group_size=3)).data
        equal([d.model_dump() for d in recorded], [d.model_dump() for d in inline], "tensors")
        near([d.reward for d in inline], [r.reward for r in runs], 1e-12, "rewards")
        for d, r in zip(inline, runs):
            near([lp for lp, m in zip(d.logprobs, d.mask) if m], samples(r)[0].output_logprobs, 1e-4, "the policy that sampled it")
    with suite.check("TrainingClient.forward_backward: trace ids with dashes, runs and payloads in one batch", FORWARD_BACKWARD):
        mixed = [str(uuid.UUID(ids[0])), runs[1], _run_to_input(runs[2]), *ids[3:]]
        result = await client.forward_backward(mixed, group_size=3)
        equal(result.num_datums, 6, "num_datums")
    with suite.check("TrainingClient.step: on the runs of a job", FORWARD_BACKWARD, OPTIM_STEP):
        equal((await client.step(runs, learning_rate=1e-4, group_size=3)).step, 1, "step")
    await _turns(suite, agent, client)
    await _traces(suite, client)


async def _turns(suite, agent, client):
    """A conversation: the agent hands back the tokens that it has."""
    for system in (None, "Answer with a number."):
        title = "OpenAIChatAgent.get_response: the second turn continues the tokens of the first"
        with suite.check(title + (", after a system prompt" if system else ""), [GATEWAY] * 2, FORWARD):
            state = await agent._initialize_state(prompt=[])
            turns = []
            for question in ("What is 3 + 4?", "And 1 more?"):
                state.messages.append(agent._format_message("user", question))
                step = await agent.get_response(state, system_prompt=system)
                turns.append(TrajectorySample(**step.sample.model_dump(exclude_none=True)))
                counted = (step.usage.prompt_tokens, step.usage.completion_tokens)
                equal(counted, (len(step.sample.prompt_token_ids), len(step.sample.output_token_ids)), "usage")
            said = turns[0].prompt_token_ids + turns[0].output_token_ids
            equal(turns[1].prompt_token_ids[:len(said)], said, "the second prompt's start")
            want(len(turns[1].prompt_token_ids) > len(said), "want the second question after it")
            data = (await client.forward([TrajectoryPayload(samples=turns, reward=1.0)])).data
            equal(len(data), 1, "datums of two turns that extend each other")


async def _traces(suite, client):
    """Traces by hand: what the gateway records under a Trace-Id, and what a trace needs before it trains."""
    platform = PlatformClient.from_settings()

    def chat(trace):
        with gateway() as openai:
            return openai.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "What is 3 + 4?"}], max_tokens=4, extra_headers={"Trace-Id": trace})

    def enter(trace, **more):
        return platform.apost(f"/trace/{trace}/enter", json={"task_slug": "sums", "model": MODEL, **more})

    def leave(trace, **more):
        return platform.apost(f"/trace/{trace}/exit", json={"status": "completed", **more})

    whole, open_, late, silent, child = (uuid.uuid4().hex for _ in range(5))
    with suite.check("trace enter, chat, exit: the gateway records what is said under a Trace-Id", ENTER, GATEWAY, EXIT, FORWARD):
        await enter(whole)
        chat(whole)
        equal(await leave(whole, reward=0.25, stop_reason="done", evaluation_result={"score": 0.25}, metadata={"by": "hand"}), {}, "answer")
        data = (await client.forward([whole])).data
        equal(([d.reward for d in data], sum(data[0].mask) > 0), ([0.25], True), "reward, action tokens")
    with suite.check("trace enter: a rollout inside another names its parent", ENTER):
        equal(await enter(child, parent_trace_id=whole), {}, "answer")
    with suite.check("HudRequestError 422: a trace without a reward", ENTER, GATEWAY, (FORWARD, 422)):
        await enter(open_)
        chat(open_)
        await raises(lambda: client.forward([open_]), HudRequestError, 422, open_)
    with suite.check("HudRequestError 422: a trace that timed out", GATEWAY, EXIT, (FORWARD, 422)):
        chat(late)
        await leave(late, reward=1.0, stop_reason="timeout")
        await raises(lambda: client.forward([late]), HudRequestError, 422, late)
    with suite.check("HudRequestError 422: a trace in which nothing was said", ENTER, EXIT, (FORWARD, 422)):
        await enter(silent)
        await leave(silent, reward=1.0)
        await raises(lambda: client.forward([silent]), HudRequestError, 422, silent)
    with suite.check("telemetry upload: a trace of samples that the gateway did not see", [GATEWAY], EXIT, FORWARD, some=[UPLOAD]):
        told = uuid.uuid4().hex
        [turn] = sample(MODEL, 1)
        with set_trace_context(told):
            Trace(trace_id=told).record(AgentStep(content="7", done=True, sample=Sample(**turn.model_dump(exclude_none=True))))
        flush()
        await leave(told, reward=1.0)
        data = (await client.forward([told])).data
        equal([q for q, m in zip(data[0].sampling_logprobs, data[0].mask) if m], turn.output_logprobs, "sampling_logprobs")
    with suite.check("no telemetry, no reports: inline payloads need neither", MODELS, GATEWAY, FORWARD):
        with setting("telemetry_enabled", False):
            agent = create_agent(MODEL, completion_kwargs={"max_tokens": 4, "extra_body": {"return_token_ids": True}})
            job = await Taskset("sums", [add(a=2, b=2)]).run(agent, runtime=LocalRuntime(env))
            equal((await client.forward(job.runs)).data[0].reward, job.runs[0].reward, "reward")
