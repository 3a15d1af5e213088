"""Writes loss.json: the losses written plainly in torch, in float64, with autograd's gradients.

Run with Debian's python3-torch: /usr/bin/python3 loss.py > loss.json

Each formula gets the config c and an object x: l (logprobs, requires grad), q (sampling), ref, m (mask), all [n], and
the numbers a (advantage) and r (reward). It gives the token losses [n], before the mask.
"""
import json, math, random, torch
from types import SimpleNamespace

random.seed(7)

def clip(r, lo, hi):
    return torch.clamp(r, lo, hi)

def bounds(r, c):
    return clip(r, c["clip_low_threshold"], c["clip_high_threshold"])

def ratio(x):
    return clip(x.l - x.q, -20, 20).exp()

def surrogate(r, a, c):
    return -torch.min(r * a, bounds(r, c) * a)

def mean_d(x):
    return (clip(x.l - x.q, -20, 20) * x.m).sum() / max(1, x.m.sum())

def full(v, x):
    return v.expand(len(x.l))

def dual_clip(x, c):
    v = surrogate(ratio(x), x.a, c)
    return torch.min(torch.full_like(v, -x.a * c["dual_clip"]), v) if x.a < 0 else v

def k3(l, ref):
    d = clip(ref - l, -20, 20)
    return clip(torch.expm1(d) - d, -10, 10)

def sapo(x, c):
    tau = c["tau_pos"] if x.a > 0 else c["tau_neg"]
    return -torch.nn.functional.logsigmoid(tau * (ratio(x) - 1)).exp() * (4 / tau) * x.a

def tv(x, c):
    diff = (x.l.exp() - x.q.exp()).detach()
    drop = diff > c["delta_high"] if x.a > 0 else diff < -c["delta_low"]
    return torch.where(drop, torch.zeros_like(x.l), -ratio(x) * x.a)

def binary_kl(x, c):
    p, mu = x.l.exp().detach(), x.q.exp()
    kl = torch.xlogy(mu, mu / p) + torch.xlogy(1 - mu, (1 - mu) / (1 - p))
    drop = (p > mu) & (kl > c["delta_high"]) if x.a > 0 else (p < mu) & (kl > c["delta_low"])
    return torch.where(drop, torch.zeros_like(x.l), -ratio(x) * x.a)

def prime_default(x, c):
    return c["adv_tau"] * tv(x, c) + c["kl_tau"] * (x.l - x.q) ** 2

def prime_ipo(x, c):
    drop = (x.l.exp() - x.q.exp()).detach().abs() > c["delta"]
    return torch.where(drop, torch.zeros_like(x.l), -c["adv_tau"] * ratio(x) * x.a) + c["kl_tau"] * (x.l - x.q) ** 2

def ref_kl_pg(x, c):
    keep = (x.l.exp() - x.q.exp()).detach() >= -c["delta_low"]
    return torch.where(keep, -(x.ref - x.l).detach() * ratio(x), torch.zeros_like(x.l)) + c["kl_tau"] * (x.l - x.q) ** 2

def rollout_is(x, c):
    r = ratio(x).detach()
    inside = (r > c["clip_low_threshold"]) & (r < c["clip_high_threshold"])
    return -r * inside.double() * x.a * x.l

def gspo(x, c):
    return full(surrogate(mean_d(x).exp(), x.a, c), x)

def gspo_token(x, c):
    log = clip(x.l - x.l.detach() + mean_d(x).detach(), -100, 10)
    return surrogate(log.exp(), x.a, c)

def gmpo(x, c):
    s = (x.a > 0) - (x.a < 0)
    d = clip(x.l - x.q, -20, 20)
    d = s * torch.min(s * d, s * clip(d, c["log_clip_low"], c["log_clip_high"]))
    return full(-x.a * ((d * x.m).sum() / max(1, x.m.sum())).exp(), x)

def vespo(x, c):
    log = clip((clip(x.l - x.q, -20, 20) * x.m).sum(), math.log(1e-8), 20)
    k, lam = (c["k_pos"], c["lambda_pos"]) if x.a >= 0 else (c["k_neg"], c["lambda_neg"])
    return -(lam + k * log - lam * log.exp()).exp().detach() * x.a * x.l

def topr(x, c):
    alpha = 1 if x.r > c["reward_threshold"] else clip((clip(x.l - x.q, -20, 20) * x.m).sum(), -1e9, 0).exp().detach()
    return -alpha * x.r * x.l

def k3_is(x, c):
    r = ratio(x)
    if c["ratio_cap"] > 0:
        r = clip(r, 0, c["ratio_cap"])
    return c["coef"] * k3(x.l, x.ref) * r

def k3_st(x, c):
    k2 = 0.5 * (x.l - x.ref) ** 2
    return c["coef"] * (k2 - k2.detach() + k3(x.l, x.ref).detach())

CLIP = {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}
WIDE = {"clip_low_threshold": 0.5, "clip_high_threshold": 3.0}
GSPO = {"clip_low_threshold": 1 - 3e-4, "clip_high_threshold": 1 + 4e-4}
clipped = lambda x, c: surrogate(ratio(x), x.a, c)

# name: (defaults, formula, configs beside the defaults)
LOSSES = {
    "cross_entropy": ({}, lambda x, c: -x.l, []),
    "importance_sampling": ({}, lambda x, c: -(x.l - x.q).exp() * x.a, []),
    "ppo": (CLIP, lambda x, c: surrogate((x.l - x.q).exp(), x.a, c), [WIDE, {"epsilon": 0.3}]),
    "cispo": ({"clip_low_threshold": 0.0, "clip_high_threshold": 4.0}, lambda x, c: -bounds((x.l - x.q).exp(), c).detach() * x.l * x.a, [CLIP]),
    "dro": ({"beta": 0.05}, lambda x, c: -(x.l * x.a - 0.5 * c["beta"] * (x.l - x.q) ** 2), [{"beta": 2.0}]),
    "reinforce": ({}, lambda x, c: -x.a * x.l, []),
    "glm_double_sided": ({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28},
                         lambda x, c: -(x.l - x.q).exp() * x.a * (((x.l - x.q).exp() >= c["clip_low_threshold"]) & ((x.l - x.q).exp() <= c["clip_high_threshold"])).double(),
                         [{"clip_low_threshold": 0.25, "clip_high_threshold": 5.0}]),
    "gpg": ({}, lambda x, c: -x.a * x.l, []),
    "opmd_loss": ({"tau": 0.0}, lambda x, c: -x.a * x.l / (1 + c["tau"]), [{"tau": 0.7}]),
    "dft": ({}, lambda x, c: -x.l.exp().detach() * x.l, []),
    "ppo_dual_clip": (dict(CLIP, dual_clip=3.0), dual_clip, [{"dual_clip": 1.5}, WIDE, {"epsilon": 0.3}]),
    "ppo_delta": (dict(CLIP, delta=4.0), lambda x, c: -torch.min(clip(ratio(x), 0, c["delta"]) * x.a, bounds(ratio(x), c) * x.a),
                  [{"delta": 1.5}, WIDE, dict(WIDE, delta=2.0)]),
    "dapo": ({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28}, clipped, [WIDE, {"epsilon": 0.1}]),
    "bnpo": (CLIP, clipped, [WIDE]),
    "dr_grpo": (CLIP, clipped, [WIDE]),
    "grpo": (dict(CLIP, beta=0.0), lambda x, c: clipped(x, c) + c["beta"] * k3(x.l, x.ref), [{"beta": 0.04}, dict(WIDE, beta=1.0)]),
    "sapo": ({"tau_pos": 1.0, "tau_neg": 1.05}, sapo, [{"tau_pos": 0.5, "tau_neg": 3.0}]),
    "rollout_is": (CLIP, rollout_is, [WIDE]),
    "vapo_pos_nll": ({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28, "mu": 0.1},
                     lambda x, c: clipped(x, c) - (c["mu"] * x.l if x.r > 0 else 0), [{"mu": 1.0}]),
    "dppo_tv": ({"delta_low": 0.2, "delta_high": 0.2}, tv, [{"delta_low": 0.02, "delta_high": 0.05}]),
    "dppo_kl": ({"delta_low": 0.05, "delta_high": 0.05}, binary_kl, [{"delta_low": 0.2, "delta_high": 0.5}]),
    "prime_default": ({"delta_low": 0.2, "delta_high": 0.2, "adv_tau": 1.0, "kl_tau": 1e-3}, prime_default,
                      [{"delta_low": 0.05, "adv_tau": 0.5, "kl_tau": 0.1}]),
    "prime_ipo": ({"delta": 0.2, "adv_tau": 1.0, "kl_tau": 1e-3}, prime_ipo, [{"delta": 0.02, "kl_tau": 0.1}]),
    "ref_kl_pg": ({"delta_low": 0.2, "kl_tau": 1e-3}, ref_kl_pg, [{"delta_low": 0.02, "kl_tau": 0.0}]),
    "gspo": (GSPO, gspo, [CLIP, WIDE]),
    "luspo": (GSPO, gspo, [CLIP, WIDE]),
    "gspo_token": (GSPO, gspo_token, [CLIP, WIDE]),
    "gmpo": ({"log_clip_low": -0.2, "log_clip_high": 0.2}, gmpo, [{"log_clip_low": -2.0, "log_clip_high": 1.0}]),
    "vespo": ({"k_pos": 2.0, "lambda_pos": 3.0, "k_neg": 3.0, "lambda_neg": 2.0}, vespo, [{"k_pos": 0.5, "lambda_pos": 0.1, "k_neg": 0.3, "lambda_neg": 0.2}]),
    "topr": ({"reward_threshold": 0.0}, topr, [{"reward_threshold": 0.9}]),
    "kl.k1": ({"coef": 1.0}, lambda x, c: c["coef"] * (x.l - x.ref), [{"coef": 0.1}]),
    "kl.abs": ({"coef": 1.0}, lambda x, c: c["coef"] * (x.l - x.ref).abs(), [{"coef": 0.1}]),
    "kl.k2": ({"coef": 1.0}, lambda x, c: c["coef"] * 0.5 * (x.l - x.ref) ** 2, [{"coef": 0.1}]),
    "kl.k3": ({"coef": 1.0}, lambda x, c: c["coef"] * k3(x.l, x.ref), [{"coef": 0.1}]),
    "kl.k3_st": ({"coef": 1.0}, k3_st, [{"coef": 0.1}]),
    "kl.k3_is": ({"coef": 1.0, "ratio_cap": 0.0}, k3_is, [{"ratio_cap": 2.0}]),
    "kl.k3_score": ({"coef": 1.0}, lambda x, c: c["coef"] * k3(x.l, x.ref) * (x.l - x.l.detach()).exp(), [{"coef": 0.1}]),
}

def f32(x):
    return torch.tensor(x, dtype=torch.float32).double().tolist()

def f64(x, grad=False):
    return torch.tensor(x, dtype=torch.float64, requires_grad=grad)

lines = []
for name, (defaults, fn, others) in LOSSES.items():
    for k in range(42):
        config = ([{}] + others)[k % (1 + len(others))]
        c = dict(defaults, **config)
        if "epsilon" in c:
            c["clip_low_threshold"], c["clip_high_threshold"] = 1 - c["epsilon"], 1 + c["epsilon"]
        n = 8
        # From on policy to far outside every bound.
        spread = [0.0, 0.05, 0.3, 1.5, 10.0, 40.0][k // 3 % 6]
        apart = [0.01, 0.5, 30.0, 2.0, 0.0][k % 5]
        logprobs = f32([-abs(random.gauss(0, 2)) for _ in range(n)])
        sampling = f32([min(0, l + random.gauss(0, spread)) if "dppo" in name else l + random.gauss(0, spread) for l in logprobs])
        ref = f32([l + random.gauss(0, apart) for l in logprobs])
        mask = [float(random.random() < 0.75) for _ in range(n)]
        advantage = [0.0, 1.0, -1.0, 0.37, -2.5, 1e-3, -40.0][k % 7]
        reward = [1.0, -0.5, 0.0, 2.0, -3.0][k % 5]
        x = SimpleNamespace(l=f64(logprobs, True), q=f64(sampling), ref=f64(ref), m=f64(mask), a=advantage, r=reward)
        loss = torch.where(x.m > 0, fn(x, c), torch.zeros_like(x.l)).sum()
        (loss + 0 * x.l.sum()).backward()
        lines.append(json.dumps({"loss": name, "config": config, "logprobs": logprobs, "sampling": sampling, "reference": ref, "mask": mask,
                                 "advantage": advantage, "reward": reward, "value": loss.item(), "gradient": x.l.grad.tolist()}, separators=(",", ":")))

print('{"torch":"%s","cases":[\n%s\n]}' % (torch.__version__, ",\n".join(lines)))
