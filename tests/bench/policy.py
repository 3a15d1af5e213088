"""The peer of the policy's benchmarks: prints a line "name nanoseconds" for each, and "name-mb megabytes" after training.

    policy.py train small|medium llama|gpt
    policy.py sample llama|gpt

Two models of the same size: the policy's own (RMSNorm, rotary embedding, SwiGLU), and the plain GPT of nanoGPT's kind
(LayerNorm, learned positions, GELU), for which torch has more fused operations. OMP_NUM_THREADS sets the threads.
"""
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

SECONDS = 1.0
SHAPES = {  # vocab, dim, layers, heads, ffn, datums, tokens
    "small": (512, 128, 4, 4, 352, 16, 128),
    "medium": (2048, 384, 6, 6, 1024, 8, 256),
}
CONTEXT = 512


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


def rope_tables(width):
    angles = torch.outer(torch.arange(CONTEXT).double(), 10000 ** (-torch.arange(0, width, 2).double() / width))
    angles = torch.cat((angles, angles), 1)
    sin = angles.sin()
    sin[:, : width // 2] *= -1
    return angles.cos().float(), sin.float()


class Block(nn.Module):
    def __init__(self, kind, dim, heads, ffn):
        super().__init__()
        self.kind, self.heads, self.width = kind, heads, dim // heads
        bias = kind == "gpt"
        self.norm1, self.norm2 = (nn.LayerNorm(dim), nn.LayerNorm(dim)) if bias else (RMSNorm(dim), RMSNorm(dim))
        self.qkv, self.o = nn.Linear(dim, 3 * dim, bias), nn.Linear(dim, dim, bias)
        if bias:
            self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        else:
            self.up, self.down = nn.Linear(dim, 2 * ffn, False), nn.Linear(ffn, dim, False)

    def forward(self, x, cos, sin, mask, cache=None, at=0):
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        if self.kind == "llama":
            qk = qkv[:2]
            lo, hi = qk.chunk(2, -1)
            q, k = (qk * cos + torch.cat((hi, lo), -1) * sin).unbind(0)
            v = qkv[2]
        else:
            q, k, v = qkv.unbind(0)
        if cache is not None:
            cache[0][:, :, at : at + t], cache[1][:, :, at : at + t] = k, v
            k, v = cache[0][:, :, : at + t], cache[1][:, :, : at + t]
        s = torch.matmul(q * self.width**-0.5, k.transpose(-2, -1))
        if mask is not None:
            s = s + mask
        y = torch.matmul(F.softmax(s, -1), v).transpose(1, 2).reshape(b, t, d)
        x = x + self.o(y)
        h = self.up(self.norm2(x))
        if self.kind == "llama":
            gate, up = h.chunk(2, -1)
            h = F.silu(gate) * up
        else:
            h = F.gelu(h)
        return x + self.down(h)


class Model(nn.Module):
    def __init__(self, kind, vocab, dim, layers, heads, ffn):
        super().__init__()
        self.kind = kind
        self.embed, self.head = nn.Embedding(vocab, dim), nn.Linear(dim, vocab, False)
        self.place = nn.Embedding(CONTEXT, dim) if kind == "gpt" else None
        self.blocks = nn.ModuleList(Block(kind, dim, heads, ffn) for _ in range(layers))
        self.norm = nn.LayerNorm(dim) if kind == "gpt" else RMSNorm(dim)
        self.cos, self.sin = rope_tables(dim // heads)
        self.mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, ids, caches=None, at=0, last=False):
        t = ids.shape[1]
        x = self.embed(ids)
        if self.place is not None:
            x = x + self.place.weight[at : at + t]
        cos, sin = self.cos[at : at + t], self.sin[at : at + t]
        mask = self.mask[:t, :t] if t > 1 else None
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, caches[i] if caches else None, at)
        return self.head(self.norm(x[:, -1:] if last else x))


def measure(name, f, warm=2):
    for _ in range(warm):
        f()
    runs, start = 0, time.perf_counter()
    while True:
        f()
        runs += 1
        spent = time.perf_counter() - start
        if spent >= SECONDS and runs >= 3:
            break
    print(f"peer/{name}-{torch.get_num_threads()}t", spent / runs * 1e9, flush=True)


def train(size, kind):
    vocab, dim, layers, heads, ffn, datums, tokens = SHAPES[size]
    model = Model(kind, vocab, dim, layers, heads, ffn)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    ids = torch.randint(vocab, (datums, tokens + 1))

    def step():
        optimizer.zero_grad()
        logits = model(ids[:, :-1])
        F.cross_entropy(logits.view(-1, vocab), ids[:, 1:].reshape(-1)).backward()
        optimizer.step()

    measure(f"train/{size}-{kind}", step)
    print(f"peer/train/{size}-{kind}-{torch.get_num_threads()}t-mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, flush=True)


@torch.inference_mode()
def sample(kind):
    vocab, dim, layers, heads, ffn, *_ = SHAPES["small"]
    model = Model(kind, vocab, dim, layers, heads, ffn).eval()
    for n in (1, 32):
        caches = [torch.zeros(2, n, heads, CONTEXT, dim // heads) for _ in range(layers)]
        prompt = torch.randint(vocab, (n, 16))
        for draw in (False, True):

            def run():
                ids, at = prompt, 0
                for _ in range(112):
                    logits = model(ids, caches, at, True)[:, -1]
                    at += ids.shape[1]
                    ids = torch.multinomial(F.softmax(logits, -1), 1) if draw else logits.argmax(-1, keepdim=True)

            measure(f"sample/{n}-{'drawn' if draw else 'greedy'}-{kind}", run, 1)


torch.manual_seed(1)
if sys.argv[1] == "train":
    train(*sys.argv[2:])
else:
    sample(*sys.argv[2:])
