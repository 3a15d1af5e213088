"""Trajectories to train on, sampled through the gateway."""
from hud.settings import settings
from hud.train.types import TrajectoryPayload, TrajectorySample
from openai import OpenAI


def gateway():
    """OpenAI's client at the address where HUD's agents ask, which has no /v1."""
    return OpenAI(api_key=settings.api_key, base_url=settings.hud_gateway_url, max_retries=0)


def sample(model, n, question="What is 3 + 4?", tokens=6, seed=0):
    """n answers of a model with the tokens they are of: n requests to the gateway."""
    turns = []
    with gateway() as client:
        for i in range(n):
            reply = client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": question}], max_tokens=tokens, temperature=1, seed=seed + i,
                logprobs=True, extra_body={"return_token_ids": True},
            )
            choice = reply.choices[0]
            turns.append(TrajectorySample(
                prompt_token_ids=choice.prompt_token_ids, output_token_ids=choice.token_ids,
                output_logprobs=[t.logprob for t in choice.logprobs.content],
            ))
    return turns


def rewarded(turns, rewards):
    """A trajectory of each turn, with rewards in turn."""
    return [TrajectoryPayload(samples=[turn], reward=rewards[i % len(rewards)]) for i, turn in enumerate(turns)]
