"""OpenAI's Python client against /v1."""
import asyncio

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from suite import CHAT, equal, near, want

LIST, RETRIEVE = "GET /v1/models", "GET /v1/models/{name...}"
MODEL = "hudrl/mini"  # it adds
SUM = [{"role": "user", "content": "What is 3 + 4?"}]


def run(suite, ids):
    client = OpenAI(api_key=suite.key, base_url=suite.url + "/v1", max_retries=0)
    _models(suite, client)
    _completions(suite, client)
    _streams(suite, client)
    _errors(suite, client)
    client.close()
    asyncio.run(_async(suite))


def strict(answer):
    """The answer by the client's own types, which it does not hold an answer to when it reads one."""
    type(answer).model_validate_json(answer.model_dump_json(exclude_unset=True), strict=True)
    return answer


def _models(suite, client):
    with suite.check("OpenAI models.list", LIST):
        models = client.models.list().data
        want({"hudrl/nano", MODEL, "interop"} <= {m.id for m in models}, f"got {models}")
        for m in models:
            want(isinstance(m, Model) and m.object == "model" and m.owned_by, f"got {strict(m)}")
    with suite.check("OpenAI models.retrieve: a name with a slash", RETRIEVE):
        equal(strict(client.models.retrieve(MODEL)).id, MODEL, "id")
    with suite.check("OpenAI models.retrieve: NotFoundError", (RETRIEVE, 404)):
        raises(lambda: client.models.retrieve("hudrl/none"), openai.NotFoundError, 'model "hudrl/none" not found')


def _completions(suite, client):
    create = client.chat.completions.create
    with suite.check("OpenAI chat.completions.create: the answer, its end, usage", CHAT):
        reply = strict(create(model=MODEL, messages=SUM, temperature=0, max_completion_tokens=8))
        choice = reply.choices[0]
        equal((choice.message.role, choice.message.content, choice.finish_reason), ("assistant", "7", "stop"), "the answer")
        equal((reply.model, reply.object, choice.logprobs), (MODEL, "chat.completion", None), "model, object, logprobs")
        usage = reply.usage
        want(usage.prompt_tokens > 0 and usage.completion_tokens == 2 and usage.total_tokens == usage.prompt_tokens + 2, f"got {usage}, want 7 and the end of the turn")
    with suite.check("OpenAI chat.completions.create: max_tokens ends it with length", CHAT):
        choice = create(model=MODEL, messages=SUM, temperature=0, max_tokens=1).choices[0]
        equal((choice.message.content, choice.finish_reason), ("7", "length"), "the answer")
    with suite.check("OpenAI chat.completions.create: content in parts, a system message, a name", CHAT):
        reply = create(model=MODEL, temperature=0, max_tokens=8, user="me", metadata={"a": "b"}, messages=[
            {"role": "user", "name": "me", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "3 + 4?"}]}])
        equal(reply.choices[0].message.content, "7", "content")
    with suite.check("OpenAI chat.completions.create: logprobs by token, with its text and bytes", CHAT):
        choice = strict(create(model=MODEL, messages=SUM, temperature=0, max_tokens=8, logprobs=True)).choices[0]
        content = choice.logprobs.content
        equal(("".join(t.token for t in content), bytes(b for t in content for b in t.bytes)), ("7", b"7"), "text, bytes")
        want(all(t.logprob <= 0 and t.top_logprobs == [] for t in content) and len(content) == 2, f"got {content}")
        want(not hasattr(choice, "token_ids"), "token_ids are told unasked")
    with suite.check("OpenAI chat.completions.create: top_logprobs, the likeliest first", CHAT):
        content = strict(create(model=MODEL, messages=SUM, temperature=0, max_tokens=8, logprobs=True, top_logprobs=3)).choices[0].logprobs.content
        for t in content:
            equal((len(t.top_logprobs), t.top_logprobs[0].token, t.top_logprobs[0].logprob), (3, t.token, t.logprob), "top_logprobs of a greedy token")
            equal([o.logprob for o in t.top_logprobs], sorted((o.logprob for o in t.top_logprobs), reverse=True), "their order")
    with suite.check("OpenAI chat.completions.create: return_token_ids, and n choices of one prompt", CHAT):
        reply = create(model=MODEL, messages=SUM, temperature=1.5, max_tokens=8, n=4, seed=1, logprobs=True, extra_body={"return_token_ids": True})
        equal([c.index for c in reply.choices], [0, 1, 2, 3], "indices")
        want(all(c.prompt_token_ids == reply.choices[0].prompt_token_ids and len(c.token_ids) == len(c.logprobs.content) for c in reply.choices), f"got {reply}")
        equal(reply.usage.completion_tokens, sum(len(c.token_ids) for c in reply.choices), "completion_tokens")
        equal(reply.usage.prompt_tokens, len(reply.choices[0].prompt_token_ids), "prompt_tokens")
    with suite.check("OpenAI chat.completions.create: seed", [CHAT] * 4):
        def said(seed):
            return [c.message.content for c in create(model="hudrl/nano", messages=SUM, temperature=1, max_tokens=16, n=2, seed=seed).choices]

        equal(said(5), said(5), "the same seed twice")
        want(said(5) != said(6), "got the same of another seed")
    with suite.check("OpenAI chat.completions.create: stop, as text and as a list", [CHAT] * 3):
        whole = create(model="hudrl/nano", messages=SUM, temperature=0, max_tokens=12).choices[0].message.content
        cut = whole[len(whole) // 2]
        for stop in (cut, ["\x00", cut]):
            choice = create(model="hudrl/nano", messages=SUM, temperature=0, max_tokens=12, stop=stop).choices[0]
            equal((choice.message.content, choice.finish_reason), (whole[:whole.index(cut)], "stop"), f"stop at {cut!r}")
    with suite.check("OpenAI chat.completions.create: top_p, top_k, min_p and logprobs of what was sampled from", [CHAT] * 3):
        greedy = create(model="hudrl/nano", messages=SUM, temperature=0, max_tokens=8).choices[0].message.content
        narrow = create(model="hudrl/nano", messages=SUM, temperature=1, top_p=1e-9, max_tokens=8).choices[0].message.content
        equal(narrow, greedy, "top_p of nearly 0")
        choice = create(model="hudrl/nano", messages=SUM, temperature=1, max_tokens=8, logprobs=True,
                        extra_body={"top_k": 1, "min_p": 0.1, "logprobs_mode": "processed"}).choices[0]
        near([t.logprob for t in choice.logprobs.content], [0.0] * len(choice.logprobs.content), 1e-6, "logprobs of certain tokens")
    with suite.check("OpenAI chat.completions.with_raw_response.create", CHAT):
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=SUM, temperature=0, max_tokens=8)
        equal((raw.headers["content-type"], raw.parse().choices[0].message.content), ("application/json", "7"), "Content-Type, content")


def _streams(suite, client):
    def stream(messages=SUM, **more):
        with client.chat.completions.create(messages=messages, stream=True, **more) as chunks:
            out = [strict(c) for c in chunks]
        want(out and all(isinstance(c, ChatCompletionChunk) and c.id == out[0].id for c in out), f"got {out}")
        return out

    with suite.check("OpenAI chat.completions.create(stream=True): the pieces make the answer", CHAT, CHAT):
        ask = dict(model=MODEL, messages=[{"role": "user", "content": "Reverse: hello"}], temperature=0, max_tokens=12)
        chunks = stream(**ask)
        whole = client.chat.completions.create(**ask).choices[0]
        equal("".join(c.choices[0].delta.content or "" for c in chunks), whole.message.content, "text")
        equal((chunks[0].choices[0].delta.role, chunks[-1].choices[0].finish_reason), ("assistant", whole.finish_reason), "first role, last finish_reason")
        want(len(chunks) > 3 and all(c.usage is None for c in chunks), f"got {len(chunks)} pieces, want several without usage")
    with suite.check("OpenAI chat.completions.create(stream=True): n, logprobs, tokens, usage", CHAT):
        chunks = stream(model="hudrl/nano", temperature=1, seed=3, max_tokens=6, n=2, logprobs=True,
                        stream_options={"include_usage": True}, extra_body={"return_token_ids": True})
        last = {c.choices[0].index: c.choices[0] for c in chunks[:-1] if c.choices[0].finish_reason}
        equal((sorted(last), chunks[-1].choices), ([0, 1], []), "choices that ended, choices beside the usage")
        want(all(len(c.token_ids) == len(c.logprobs.content) > 0 for c in last.values()), f"got {last}")
        equal(chunks[-1].usage.completion_tokens, sum(len(c.token_ids) for c in last.values()), "completion_tokens")
    with suite.check("OpenAI chat.completions.stream: the client's own assembly", CHAT):
        with client.chat.completions.stream(model=MODEL, messages=SUM, temperature=0, max_tokens=8, logprobs=True) as events:
            kinds = {e.type for e in events}
            reply = events.get_final_completion()
        want({"chunk", "content.delta", "content.done"} <= kinds, f"got the events {kinds}")
        equal((reply.choices[0].message.content, reply.choices[0].finish_reason), ("7", "stop"), "the answer")
        equal("".join(t.token for t in reply.choices[0].logprobs.content), "7", "tokens")
    with suite.check("OpenAI chat.completions.create(stream=True): a client that leaves", CHAT, CHAT):
        with client.chat.completions.create(model="hudrl/nano", messages=SUM, max_tokens=400, stream=True) as chunks:
            next(iter(chunks))
        reply = client.chat.completions.create(model=MODEL, messages=SUM, temperature=0, max_tokens=8)
        equal(reply.choices[0].message.content, "7", "the next answer")
    with suite.check("OpenAI chat.completions.create(stream=True): an error before the first piece", (CHAT, 404)):
        raises(lambda: stream(model="nobody"), openai.NotFoundError, 'model "nobody" not found')


def raises(call, cls, message):
    try:
        result = call()
    except cls as error:
        want(message in error.message, f"got {type(error).__name__}: {error.message}; want {message!r} in it")
        body = error.body
        want(isinstance(body, dict) and message in body["message"] and body["type"] and error.code, f"got the body {body}, want message, type and code")
        return
    want(False, f"got {result!r}, want {cls.__name__}")


def _errors(suite, client):
    ask = dict(model=MODEL, messages=SUM)
    for title, call, cls, status, message in [
        ("an unknown model", lambda c: c(model="nobody", messages=SUM), openai.NotFoundError, 404, 'model "nobody" not found'),
        ("no messages", lambda c: c(model=MODEL, messages=[]), openai.UnprocessableEntityError, 422, "messages: got 0, want at least 1"),
        ("a temperature below 0", lambda c: c(**ask, temperature=-1), openai.UnprocessableEntityError, 422, "temperature"),
        ("an image", lambda c: c(model=MODEL, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]),
         openai.UnprocessableEntityError, 422, "image_url"),
        ("a format other than text", lambda c: c(**ask, response_format={"type": "json_object"}),
         openai.UnprocessableEntityError, 422, "response_format"),
        ("a penalty", lambda c: c(**ask, frequency_penalty=0.5), openai.UnprocessableEntityError, 422, "frequency_penalty"),
        ("more top_logprobs than 20", lambda c: c(**ask, logprobs=True, top_logprobs=21),
         openai.UnprocessableEntityError, 422, "top_logprobs"),
        ("an unknown member", lambda c: c(**ask, extra_body={"tempreature": 0}), openai.UnprocessableEntityError, 422, "tempreature"),
        ("a prompt longer than the context", lambda c: c(model=MODEL, messages=[{"role": "user", "content": "x" * 9999}]),
         openai.UnprocessableEntityError, 422, "context"),
        ("an unknown checkpoint", lambda c: c(**ask, extra_body={"checkpoint": "nothing"}), openai.NotFoundError, 404, '"nothing"'),
    ]:
        with suite.check(f"OpenAI {cls.__name__}: {title}", (CHAT, status)):
            raises(lambda: call(client.chat.completions.create), cls, message)
    with suite.check("OpenAI AuthenticationError: a wrong key", (CHAT, 401), (LIST, 401)):
        with OpenAI(api_key="wrong", base_url=suite.url + "/v1", max_retries=0) as stranger:
            raises(lambda: stranger.chat.completions.create(**ask), openai.AuthenticationError, "missing or invalid API key")
            raises(lambda: stranger.models.list(), openai.AuthenticationError, "missing or invalid API key")


async def _async(suite):
    with suite.check("AsyncOpenAI: 32 chats at once, answers to each its own", [CHAT] * 32):
        async with AsyncOpenAI(api_key=suite.key, base_url=suite.url + "/v1", max_retries=0) as client:
            sums = [(i % 8, i // 8) for i in range(32)]
            replies = await asyncio.gather(*(client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": f"What is {a} + {b}?"}], temperature=0, max_tokens=8) for a, b in sums))
        right = sum(r.choices[0].message.content == str(a + b) for r, (a, b) in zip(replies, sums))
        want(all(isinstance(r, ChatCompletion) for r in replies), f"got {replies}")
        want(right >= 24, f"got {right} right answers of 32: {[r.choices[0].message.content for r in replies]}")
    with suite.check("AsyncOpenAI chat.completions.create(stream=True)", CHAT):
        async with AsyncOpenAI(api_key=suite.key, base_url=suite.url + "/v1", max_retries=0) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=SUM, temperature=0, max_tokens=8, stream=True)
            equal("".join([c.choices[0].delta.content or "" async for c in stream]), "7", "text")
