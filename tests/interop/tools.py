"""Tool calls, by OpenAI's client and by HUD's agent, with a model that was trained to make one."""
import asyncio
import contextlib
import json
import math

import openai
import uvicorn
from fastmcp import FastMCP
from hud import Environment, LocalRuntime, Taskset
from hud.agents import create_agent
from hud.agents.types import AgentStep, ToolStep
from hud.capabilities import Capability
from hud.graders import EvaluationResult
from hud.telemetry import flush
from hud.train import TrainingClient
from hud.train.types import TrajectoryPayload, TrajectorySample
from hud.utils.gateway import list_gateway_models
from openai import OpenAI

from gateway import raises
from suite import (CHAT, ENTER, EXIT, FORWARD, FORWARD_BACKWARD, GATEWAY, JOB, MODELS, OPTIM_STEP, UPLOAD, equal, want)

MODEL, STEPS = "tools", 300
QUESTION = [{"role": "user", "content": "3 + 4?"}]
# As HUD's agent describes the function below, so that both show the model the same.
ADD = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}}}
CALL = '<tool_call>{"name":"add","arguments":{"a":3,"b":4}}</tool_call>'

server = FastMCP("calculator")
env = Environment(name="calculator")


@server.tool
def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@env.template()
async def ask():
    answer = yield QUESTION[0]["content"]
    yield EvaluationResult(reward=1.0, content=str(answer))


def run(suite, ids):
    asyncio.run(_run(suite, ids))


async def _run(suite, ids):
    with OpenAI(api_key=suite.key, base_url=suite.url + "/v1", max_retries=0) as client:
        await _train(suite, client, TrainingClient(ids[MODEL]))
        _called(suite, client)
        _refused(suite, client)
    await _agent(suite, TrainingClient(ids[MODEL]))


async def _train(suite, client, trainer):
    """Teaches the model the call, by imitation."""
    with suite.check("OpenAI chat.completions.create(tools=): an answer that calls none is text", CHAT):
        choice = client.chat.completions.create(model=MODEL, messages=QUESTION, tools=[ADD], temperature=0, max_tokens=60,
                                                extra_body={"return_token_ids": True}).choices[0]
        equal((choice.message.tool_calls, choice.finish_reason), (None, "stop"), "tool_calls, finish_reason")
        # Token ids below 256 are bytes; the last of an answer that stops is the end of its turn.
        lesson = TrajectorySample(prompt_token_ids=choice.prompt_token_ids, output_token_ids=[*CALL.encode(), choice.token_ids[-1]])
        shown = bytes(t for t in choice.prompt_token_ids if t < 256).decode()
        want('{"name":"add","description":"Adds.","parameters":{"properties":' in shown, f"got the prompt {shown!r}")
    with suite.check("TrainingClient: cross_entropy on the text of a tool call until the model has learnt it", some=[FORWARD_BACKWARD, OPTIM_STEP]):
        loss = math.inf
        for _ in range(STEPS):
            result = await trainer.forward_backward([TrajectoryPayload(samples=[lesson], reward=1.0)], loss_fn="cross_entropy")
            if (loss := result.metrics["loss:sum"]) < 0.5:  # so that each token is the likeliest
                break
            await trainer.optim_step(learning_rate=3e-3)
        want(loss < 0.5, f"got a loss of {loss} after {STEPS} steps")


def _called(suite, client):
    def call_of(choice):
        [call] = choice.message.tool_calls
        equal((choice.finish_reason, choice.message.content), ("tool_calls", None), "finish_reason, content")
        equal((call.type, call.function.name, json.loads(call.function.arguments)), ("function", "add", {"a": 3, "b": 4}), "the call")
        want(call.id.startswith("call_"), f"got the id {call.id!r}")
        return call

    ask = dict(model=MODEL, messages=QUESTION, tools=[ADD], temperature=0, max_tokens=90)
    call = None
    with suite.check("OpenAI chat.completions.create(tools=): a tool call", [CHAT] * 3):
        call = call_of(client.chat.completions.create(**ask, tool_choice="auto").choices[0])
        call_of(client.chat.completions.create(**ask, parallel_tool_calls=False).choices[0])
        both = client.chat.completions.create(**ask, n=2)
        want(all(call_of(c) for c in both.choices), f"got {both}")
    with suite.check("OpenAI chat.completions.stream(tools=): the client assembles the call", CHAT):
        with client.chat.completions.stream(**ask) as events:
            kinds = {e.type for e in events}
            reply = events.get_final_completion()
        want("tool_calls.function.arguments.done" in kinds and "content.delta" not in kinds, f"got the events {kinds}")
        equal(call_of(reply.choices[0]).id, call.id, "the call's id")
    with suite.check("OpenAI chat.completions.create(tools=): the tool's answer is part of the conversation", CHAT, CHAT):
        talk = [*QUESTION, {"role": "assistant", "tool_calls": [call.model_dump()]}, {"role": "tool", "tool_call_id": call.id, "content": "7"}]
        more = client.chat.completions.create(**{**ask, "messages": talk}, extra_body={"return_token_ids": True}).choices[0]
        asked = client.chat.completions.create(**ask, extra_body={"return_token_ids": True}).choices[0]
        said = asked.prompt_token_ids + asked.token_ids
        equal(more.prompt_token_ids[:len(said)], said, "the prompt's start: what was sampled")
        want(bytes(t for t in more.prompt_token_ids[len(said):] if t < 256).decode().count("7") == 1, "want the tool's 7 after it")
    with suite.check('OpenAI chat.completions.create(tools=, tool_choice="none"): the model is shown none', CHAT, CHAT):
        prompts = [client.chat.completions.create(**{**ask, **more}, extra_body={"return_token_ids": True}).choices[0].prompt_token_ids
                   for more in ({"tool_choice": "none"}, {"tools": openai.omit})]
        equal(prompts[0], prompts[1], "the prompt without tools")


def _refused(suite, client):
    ask = dict(model=MODEL, messages=QUESTION, max_tokens=4)
    for title, more, message in [
        ("a call that must be made", {"tools": [ADD], "tool_choice": "required"}, 'got "required", want auto or none'),
        ("a tool that must be called", {"tools": [ADD], "tool_choice": {"type": "function", "function": {"name": "add"}}}, 'got "add"'),
        ("a choice without tools", {"tool_choice": "required"}, "want tools to choose from"),
        ("a name that is none", {"tools": [{"type": "function", "function": {"name": "a b"}}]}, "want 1 to 64 letters"),
        ("a name twice", {"tools": [ADD, ADD]}, '"add" twice'),
    ]:
        with suite.check(f"OpenAI UnprocessableEntityError: {title}", (CHAT, 422)):
            raises(lambda: client.chat.completions.create(**ask, **more), openai.UnprocessableEntityError, message)


@contextlib.asynccontextmanager
async def _serving():
    """The calculator, over MCP on this machine."""
    web = uvicorn.Server(uvicorn.Config(server.http_app(), host="127.0.0.1", port=0, log_level="error"))
    task = asyncio.create_task(web.serve())
    try:
        async with asyncio.timeout(30):
            while not web.started:
                want(not task.done(), "the calculator's server ended")
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        web.should_exit = True
        await task


async def _agent(suite, trainer):
    """HUD's agent with a tool of an environment: two turns, the second after the tool's answer."""
    runs = []
    list_gateway_models.cache_clear()
    with suite.check("Taskset.run: HUD's agent calls an MCP tool of the environment", MODELS, JOB, ENTER, EXIT, [GATEWAY] * 2, some=[UPLOAD]):
        async with _serving() as url:
            env.add_capability(Capability.mcp(name="calculator", url=url))
            agent = create_agent(MODEL, max_steps=2, completion_kwargs={"max_tokens": 90, "temperature": 0, "extra_body": {"return_token_ids": True}})
            runs = (await Taskset("calculator", [ask()]).run(agent, runtime=LocalRuntime(env))).runs
        flush()
        steps = runs[0].trace.steps
        used = next(s for s in steps if isinstance(s, ToolStep))
        equal((used.call.name, used.call.arguments, used.result.content[0].text), ("add", {"a": 3, "b": 4}, "7"), "the call and its result")
        turns = [s.sample for s in steps if isinstance(s, AgentStep)]
        equal(len(turns), 2, "turns")
        said = turns[0].prompt_token_ids + turns[0].output_token_ids
        equal(turns[1].prompt_token_ids[:len(said)], said, "the second prompt's start")
    with suite.check("TrainingClient.forward: both turns of a run with a tool are one datum, and so are its trace's", [FORWARD] * 2):
        inline, recorded = [(await trainer.forward([one])).data for one in (runs[0], runs[0].trace_id)]
        equal([d.model_dump() for d in recorded], [d.model_dump() for d in inline], "tensors")
        equal((len(inline), sum(inline[0].mask)), (1, float(sum(len(t.output_token_ids) for t in turns))), "datums, action tokens")
