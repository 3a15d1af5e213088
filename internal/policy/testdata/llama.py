"""Writes llama.json: logprobs and gradients of Hugging Face's LlamaForCausalLM.

Usage: python3 llama.py > llama.json   (needs torch, transformers, safetensors)
"""
import base64
import json

import safetensors
import safetensors.torch
import torch
import transformers


def weight(tensor, shape):
    """Numbers any language can make: a Weyl sequence in 32 bits, around 1 for norms."""
    n = 1
    for d in shape:
        n *= d
    x = [(((tensor + 1) * 1000003 + i) * 2654435761 % 2**32) / 2**32 - 0.5 for i in range(n)]
    one_dim = len(shape) == 1
    return torch.tensor([1 + v / 2 if one_dim else v * 0.75 for v in x], dtype=torch.float64).reshape(shape)


def case(name, tied, **shape):
    config = transformers.LlamaConfig(hidden_act="silu", tie_word_embeddings=tied, **shape)
    model = transformers.LlamaForCausalLM(config).eval()
    params = dict(model.named_parameters())
    for i, key in enumerate(sorted(params)):
        params[key].data = weight(i, params[key].shape).float()
    if tied:
        model.tie_weights()
    rng = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, config.vocab_size, (18,), generator=rng)
    targets = torch.randint(0, config.vocab_size, (18,), generator=rng)
    coef = [(i % 7 - 3) / 4 for i in range(18)]
    logits = model(tokens[None]).logits[0].double()
    logprobs = torch.log_softmax(logits, -1)[range(18), targets]
    (logprobs * torch.tensor(coef)).sum().backward()
    grads = {}
    for key, p in params.items():
        g = p.grad.flatten()
        picks = sorted({(i * 7919 + 13) % len(g) for i in range(40)})
        grads[key] = {"norm": g.norm().item(), "at": picks, "value": [g[i].item() for i in picks]}
    return {
        "name": name, "config": json.loads(config.to_json_string(use_diff=False)), "tokens": tokens.tolist(),
        "targets": targets.tolist(), "coef": coef, "logprobs": logprobs.tolist(), "gradients": grads,
    }


shape = dict(hidden_size=24, num_hidden_layers=3, num_attention_heads=6, vocab_size=37, max_position_embeddings=64)
file = safetensors.torch.save({
    "narrow": torch.tensor([[1.0, -2.5], [3.140625, 0.0]], dtype=torch.bfloat16),
    "wide": torch.tensor([0.1, 1e-30, -7.0]),
    "half": torch.tensor([0.5, -65504.0], dtype=torch.float16),
}, metadata={"made": "by hand"})
print(json.dumps({
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "safetensors": safetensors.__version__},
    "cases": [
        case("grouped queries", False, intermediate_size=29, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=1000.0, **shape),
        case("tied", True, intermediate_size=40, num_key_value_heads=6, rms_norm_eps=1e-6, rope_theta=10000.0, **shape),
    ],
    "safetensors": base64.b64encode(file).decode(),
}))
