"""What each mistake looks like to whoever uses HUD's client: the class and the message."""
import asyncio
import contextlib
import math
import socket
import uuid

import pydantic
from hud.eval.run import Grade, Run
from hud.settings import settings
from hud.train import TrainingClient
from hud.train.types import TrajectoryPayload, TrajectorySample
from hud.types import Trace
from hud.utils import exceptions
from hud.utils.gateway import list_gateway_models

from batches import rewarded, sample
from suite import (BACKWARD, CHECKPOINTS, FORWARD, FORWARD_BACKWARD, GATEWAY, HEAD, LOSSES, MODELS, OPTIM_STEP, equal, want)

NOBODY = "00000000-0000-4000-8000-000000000000"


def payload(prompt, output, logprobs, reward=1.0):
    return TrajectoryPayload(samples=[TrajectorySample(prompt_token_ids=prompt, output_token_ids=output, output_logprobs=logprobs)], reward=reward)


def graded(group, reward=1.0, **trace):
    run = Run(None, "task", {})
    run.group_id, run.grade, run.trace = group, Grade(reward=reward), Trace(**trace)
    return run


@contextlib.contextmanager
def setting(name, value):
    before = getattr(settings, name)
    setattr(settings, name, value)
    try:
        yield
    finally:
        setattr(settings, name, before)


def run(suite, ids):
    asyncio.run(_run(suite, ids))


async def _run(suite, ids):
    client = TrainingClient(ids["interop"])
    list_gateway_models.cache_clear()
    base = "".join(m.id for m in list_gateway_models() if m.model_name == "hudrl/nano")
    batch, passed = [], None
    with suite.check("what the errors are tried with", [GATEWAY] * 4, FORWARD):
        batch = rewarded(sample("interop", 4, seed=100), [0.0, 1.0])
        passed = await client.forward(batch)
    a, b = batch[:2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    nan = [[math.nan] * len(d.mask) for d in passed.data]
    short = [[0.0] * len(d.mask) for d in passed.data[:-1]]
    uneven = [[0.0] * (len(d.mask) - (i == 2)) for i, d in enumerate(passed.data)]
    runs = [graded(g, trace_id=uuid.uuid4().hex) for g in "abab"]
    timed_out = graded("a", trace_id=uuid.uuid4().hex, stop_reason="timeout")
    step = dict(learning_rate=1e-4)
    value, network, request = ValueError, exceptions.HudNetworkError, exceptions.HudRequestError

    # What it is, the call, its class, its status, a part of its message, and the requests it made.
    for title, call, cls, status, message, made in [
        ("three trajectories in groups of two", lambda: client.forward_backward([a, b, a], group_size=2), value, None,
         "3 trajectories do not divide evenly into groups of 2", []),
        ("an incomplete group of runs", lambda: client.forward_backward([*runs[:3], graded("c", trace_id="0" * 32)], group_size=2), value, None,
         "incomplete GRPO groups: ['b', 'c']", []),
        ("groups of runs that interleave", lambda: client.forward(runs, group_size=2), value, None, "GRPO groups must be contiguous", []),
        ("a run that timed out", lambda: client.forward_backward([timed_out]), value, None, "timed-out runs require an explicit training reward", []),
        ("a run without a grade", lambda: client.forward_backward([Run(None, "task", {})]), value, None, "has no valid grade", []),
        ("a run without samples or an id", lambda: client.forward_backward([graded(None)]), value, None, "neither token-level samples nor a trace_id", []),
        ("no trajectory", lambda: client.forward_backward([]), pydantic.ValidationError, None, "at least 1 item", []),
        ("no substep", lambda: client.forward_backward([a], num_substeps=0), pydantic.ValidationError, None, "greater than or equal to 1", []),
        ("a learning rate of 0", lambda: client.optim_step(learning_rate=0), pydantic.ValidationError, None, "greater than 0", []),
        ("a negative weight decay", lambda: client.optim_step(learning_rate=1, weight_decay=-1), pydantic.ValidationError, None, "greater than or equal to 0", []),
        ("a custom loss that leaves a datum out", lambda: client.forward_backward_custom(batch, lambda data, lps: (lps[0].sum(), {})), value, None,
         "custom loss produced no gradient for a datum's logprobs", [FORWARD]),
        ("a weight that is no number", lambda: client.backward(passed.forward_id, nan), request, None, "Out of range float values are not JSON compliant", []),

        ("an unknown slug", lambda: TrainingClient("interup").available_losses(), value, None,
         "Model 'interup' not found in the HUD gateway registry. Did you mean: interop", [MODELS]),
        ("an unknown id", lambda: TrainingClient(NOBODY).available_losses(), request, 404, f'model "{NOBODY}" not found', [(LOSSES, 404)]),
        ("an unknown id's checkpoints", lambda: TrainingClient(NOBODY).checkpoints(), request, 404, f'model "{NOBODY}" not found', [(CHECKPOINTS, 404)]),
        ("training a base model", lambda: TrainingClient(base).forward_backward([a]), request, 403, "hudrl/nano", [(FORWARD_BACKWARD, 403)]),
        ("an unknown loss", lambda: client.forward_backward([a], loss_fn="grppo"), request, 422, '"grppo"', [(FORWARD_BACKWARD, 422)]),
        ("a setting that the loss has not", lambda: client.forward_backward([a], loss_fn="ppo", loss_fn_config={"epsylon": 0.2}), request, 422,
         '"epsylon"', [(FORWARD_BACKWARD, 422)]),
        ("a logprob too few", lambda: client.forward_backward([payload([1, 2], [3, 4], [-0.5])]), request, 422, "got 1", [(FORWARD_BACKWARD, 422)]),
        ("no prompt", lambda: client.forward([payload(None, [3], [-0.5])]), request, 422, "prompt", [(FORWARD, 422)]),
        ("no output", lambda: client.forward([payload([1], [], [])]), request, 422, "output", [(FORWARD, 422)]),
        ("a token that the model has not", lambda: client.forward([payload([1, 999999], [3], [-0.5])]), request, 422, "999999", [(FORWARD, 422)]),
        ("more tokens than the model's context", lambda: client.forward([payload([1] * 5000, [3], [-0.5])]), request, 422, "5001 tokens", [(FORWARD, 422)]),
        ("a part of a prompt that is an image", lambda: client.forward([TrajectoryPayload(
            samples=[TrajectorySample(prompt_chunks=[{"type": "image", "data": ""}], output_token_ids=[1])], reward=1.0)]), request, 422,
         "image", [(FORWARD, 422)]),
        ("an unknown trace", lambda: client.forward(["f" * 32]), request, 404, "f" * 32, [(FORWARD, 404)]),
        ("groups of two of three, had the client not looked", lambda: client._post("forward", {"inputs": [a.model_dump()] * 3, "group_size": 2}, dict), request, 422,
         "3 trajectories do not divide evenly into groups of 2", [(FORWARD, 422)]),
        ("a field that the protocol has not", lambda: client._post("optim-step", {"learning_rate": 1, "momentum": 0.9}, dict), request, 422,
         "momentum", [(OPTIM_STEP, 422)]),

        ("a datum too few in backward", lambda: client.backward(passed.forward_id, short), request, 422, "got 3", [(BACKWARD, 422)]),
        ("a position too few in backward", lambda: client.backward(passed.forward_id, uneven), request, 422, "datum 3", [(BACKWARD, 422)]),
        ("an unknown forward_id", lambda: client.backward("nothing", [[1.0]]), request, 404, '"nothing"', [(BACKWARD, 404)]),
        ("another model's forward_id", lambda: TrainingClient(ids["rollouts"]).backward(passed.forward_id, short), request, 404, passed.forward_id, [(BACKWARD, 404)]),
        ("a step without a gradient", lambda: client.optim_step(**step), request, 409, "no accumulated gradients", [(OPTIM_STEP, 409)]),
        ("a step on groups without spread", lambda: client.step([a, a], **step), request, 409, "no accumulated gradients", [FORWARD_BACKWARD, (OPTIM_STEP, 409)]),
        ("an unknown checkpoint", lambda: client.set_head(NOBODY), request, 404, NOBODY, [(HEAD, 404)]),

        ("a wrong key", lambda: TrainingClient(ids["interop"], api_key="wrong").available_losses(), request, 401, "missing or invalid API key", [(LOSSES, 401)]),
        ("a wrong key that resolves a slug", lambda: TrainingClient("interop", api_key="wrong").head(), request, 401, "missing or invalid API key", [(MODELS, 401)]),
        ("no service: a training call is sent once", lambda: TrainingClient(ids["interop"], base_url=closed).optim_step(**step), network, None, "Network error: All connection attempts failed", []),
    ]:
        with suite.check(f"{cls.__name__}{f' {status}' if status else ''}: {title}", *made):
            await raises(call, cls, status, message)
    await _session(suite, client, batch, ids)


async def raises(call, cls, status, message):
    """call() raises cls with the message, and what the service said has the form that the client reads best."""
    try:
        result = await call()
    except cls as error:
        want(message in str(error), f"got {type(error).__name__}: {error}; want {message!r} in it")
        equal(getattr(error, "status_code", None), status, "status_code")
        if status is not None:  # detail is a plain sentence: the client shows it as it is
            detail = error.response_json["detail"]
            want(isinstance(detail, str) and error.message == f"Request failed: {detail}", f"got the message {error.message!r} of {error.response_json}")
            want(message in detail, f"got the detail {detail!r}, want {message!r} in it")
        return error
    want(False, f"got {result!r}, want {cls.__name__}")


async def _session(suite, client, batch, ids):
    """Errors that depend on what was called before."""
    request = exceptions.HudRequestError
    with suite.check("HudRequestError 401: the client's own hint is the one about keys", (LOSSES, 401)):
        error = await raises(TrainingClient(ids["interop"], api_key="wrong").available_losses, request, 401, "API key")
        equal([h.code for h in error.hints], ["HUD_AUTH_MISSING"], "hints")
    with suite.check("HudAuthenticationError: no key at all"):
        with setting("api_key", None):
            await raises(TrainingClient(ids["interop"]).available_losses, exceptions.HudAuthenticationError, None, "API key is required but not provided")
            await raises(TrainingClient("interop").head, exceptions.HudAuthenticationError, None, "HUD_API_KEY is required to resolve a model slug")
    with suite.check("HudRequestError 409: a forward_id serves once, and not after a step",
                     FORWARD, BACKWARD, (BACKWARD, 409), FORWARD, OPTIM_STEP, (BACKWARD, 409)):
        passed = await client.forward(batch)
        weights = [d.mask for d in passed.data]
        await client.backward(passed.forward_id, weights)
        await raises(lambda: client.backward(passed.forward_id, weights), request, 409, passed.forward_id)
        late = await client.forward(batch)
        await client.optim_step(learning_rate=1e-5)
        await raises(lambda: client.backward(late.forward_id, weights), request, 409, late.forward_id)
    with suite.check("an error leaves what was accumulated as it was", FORWARD_BACKWARD, (FORWARD_BACKWARD, 422), OPTIM_STEP, CHECKPOINTS):
        await client.forward_backward(batch)
        await raises(lambda: client.forward_backward(batch, loss_fn="nope"), request, 422, '"nope"')
        await client.optim_step(learning_rate=1e-5)
        equal((await client.head()).num_datums, len(batch), "num_datums of the step")
    with suite.check("set_head discards what was accumulated", FORWARD_BACKWARD, CHECKPOINTS, HEAD, (OPTIM_STEP, 409)):
        await client.forward_backward(batch)
        await client.set_head((await client.head()).id)
        await raises(lambda: client.optim_step(learning_rate=1e-5), request, 409, "no accumulated gradients")
