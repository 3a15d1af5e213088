"""Writes tensor_ops.json: what torch makes of every tensor operation, and autograd of its gradient.

Inputs are float32; torch computes in float64; what is written is rounded to float32. Each case has inputs "in", each a
leaf that holds the elements "x" in the shape "s", and a view "v" of it that the operation gets ("" the leaf itself, "t"
its last two dimensions swapped, "n" without the first and last of the last dimension, "s" its position 1 of the first
dimension, "e" its first dimension, of length 1, expanded to "e"); parameters "p"; the result's shape "ys" and elements
"y"; the gradient "g" that arrives at the result; and "d", the gradient of each leaf, where there is one.

Run with Debian's python3-torch, or all generators with run.sh: /usr/bin/python3 tensor_ops.py > tensor_ops.json

Where torch's own function has another convention, or loses digits, the formula stands in OWN.
"""
import json, math, random
import numpy as np
import torch

random.seed(2)
inf, nan = math.inf, math.nan
f64 = torch.float64

def f32(v):
    with np.errstate(over="ignore"):
        return float(np.float32(v))

def short(v):
    """The shortest text that reads back as the float32."""
    if math.isnan(v): return '"nan"'
    if math.isinf(v): return '"inf"' if v > 0 else '"-inf"'
    with np.errstate(over="ignore"):
        x = np.float32(v)
    if np.isinf(x): return '"inf"' if v > 0 else '"-inf"'
    s = np.format_float_scientific(x, unique=True, trim="-")
    mantissa, e = s.split("e")
    e = int(e)
    plain = np.format_float_positional(x, unique=True, trim="-")
    s = mantissa + "e%d" % e if e else mantissa
    return plain if len(plain) <= len(s) else s

def numbers(t):
    return "[" + ",".join(short(v) for v in t.detach().reshape(-1).tolist()) + "]"

# Values where something happens: zeros, denormals, the ends of exp's range, ties of round, infinities, NaN.
EDGE = [0.0, -0.0, 1e-45, -1e-45, 1e-40, 1.1754944e-38, -1e-30, 1e-8, -1e-8, 6e-5, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5,
        3.5, 15.9, -16.7, 20.5, 87.3, 88.5, 88.8, -87.2, -88.5, -100.0, 104.0, -104.0, 1e4, -1e4, 1e10, -1e10, 16777216.0,
        1e19, 3e38, -3e38, 3.4028235e38, inf, -inf, nan]
EDGE = [f32(v) for v in EDGE]

def draw(n, lo, hi, kind):
    """n elements: "plain" in [lo, hi], "wide" over many magnitudes with their sign where lo < 0, "ties" of few values,
    "edge" from EDGE."""
    out = []
    for _ in range(n):
        if kind == "edge":
            v = random.choice(EDGE)
        elif kind == "wide":
            v = 10 ** random.uniform(-12, 4)
            if lo < 0 and random.random() < 0.5: v = -v
            if hi <= 100: v = max(min(v, hi), lo)
        elif kind == "ties":
            v = random.choice([lo, (lo + hi) / 2, hi, 0.0 if lo <= 0 <= hi else hi])
        else:
            v = random.uniform(lo, hi)
        out.append(f32(v))
    return out

def size(shape):
    n = 1
    for d in shape: n *= d
    return n

class Input:
    """A leaf and the view of it that has the wanted shape."""
    def __init__(self, shape, lo=-3, hi=3, kind="plain", views=True, data=None, grad=True):
        shape = list(shape)
        choices = [""]
        if views and data is None:
            if len(shape) >= 2: choices += ["t"]
            if len(shape) >= 1: choices += ["n", "s"]
            if len(shape) >= 1 and shape[0] > 1: choices += ["e"]
        self.v = random.choice(choices)
        self.e = 0
        base = list(shape)
        if self.v == "t": base[-1], base[-2] = base[-2], base[-1]
        if self.v == "n": base[-1] += 2
        if self.v == "s": base = [2] + base
        if self.v == "e": self.e, base[0] = base[0], 1
        x = data if data is not None else draw(size(base), lo, hi, kind)
        self.leaf = torch.tensor(x, dtype=f64).reshape(base)
        self.grad = grad
        if grad: self.leaf.requires_grad_()

    def view(self):
        t = self.leaf
        if self.v == "t": return t.transpose(-1, -2)
        if self.v == "n": return t.narrow(-1, 1, t.shape[-1] - 2)
        if self.v == "s": return t[1]
        if self.v == "e": return t.expand([self.e] + [-1] * (t.dim() - 1))
        return t

    def json(self):
        out = '{"s":%s,"x":%s' % (json.dumps(list(self.leaf.shape), separators=(",", ":")), numbers(self.leaf))
        if self.v: out += ',"v":"%s"' % self.v
        if self.e: out += ',"e":%d' % self.e
        return out + "}"

cases = {}

def case(op, inputs, f, params=None, differentiable=True):
    views = [i.view() for i in inputs]
    y = f(*views).to(f64)
    line = '{"in":[%s]' % ",".join(i.json() for i in inputs)
    if params: line += ',"p":' + json.dumps(params, separators=(",", ":"))
    line += ',"ys":%s,"y":%s' % (json.dumps(list(y.shape), separators=(",", ":")), numbers(y))
    if differentiable and y.requires_grad:
        g = torch.tensor([f32(random.choice([-1, 1]) * random.uniform(0.25, 2)) for _ in range(y.numel())], dtype=f64).reshape(y.shape)
        leaves = [i.leaf for i in inputs if i.grad]
        grads = torch.autograd.grad(y, leaves, g, allow_unused=True)
        # Where a value is too large for float32 there is nothing to say about gradients.
        if not any(math.isfinite(v) and abs(v) > 1e38 for t in [y, *grads] if t is not None for v in t.reshape(-1).tolist()):
            line += ',"g":%s,"d":[%s]' % (numbers(g), ",".join("null" if d is None else numbers(d) for d in grads))
    cases.setdefault(op, []).append(line + "}")

SHAPES = [[], [1], [3], [5], [2, 3], [3, 2], [4, 1], [1, 4], [2, 2, 2], [2, 1, 3], [0], [2, 0]]
PAIRS = [([3], [3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 3], [2, 1]), ([2, 1], [1, 3]), ([2, 3], []), ([], [4]), ([2, 1, 2], [3, 1]),
         ([1], [5]), ([2, 3], [2, 3]), ([4, 1], [1]), ([0], [1]), ([2, 2, 2], [2, 1])]
COUNT = 49

def kinds(k):
    """Of COUNT cases about half are plain, the rest adversarial."""
    return ["plain", "edge", "plain", "wide", "plain", "edge", "ties"][k % 7]

# ---- elementwise ----

class Slope(torch.autograd.Function):
    """A value and its derivative, both given."""
    @staticmethod
    def forward(ctx, x, value, slope):
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None, None

def own(value, slope):
    """A function whose derivative torch does not compute to the last digit, or at NaN by another convention."""
    return lambda x: Slope.apply(x, value(x.detach()), slope(x.detach()))

def zero(x): return torch.zeros_like(x)

OWN = {
    # torch.sign(NaN) is 0; IEEE 754's functions pass NaN on.
    "sign": own(lambda x: torch.where(x.isnan(), x, torch.sign(x)), zero),
    # torch's gradient at NaN is 1.
    "relu": own(torch.relu, lambda x: (x > 0).to(f64)),
    # F.softplus is linear beyond 20.
    "softplus": own(lambda x: torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs())), torch.sigmoid),
    # 1 - y and 1 - y*y lose the tail's digits.
    "sigmoid": own(torch.sigmoid, lambda x: torch.sigmoid(x) * torch.sigmoid(-x)),
    "tanh": own(torch.tanh, lambda x: 4 * torch.sigmoid(2 * x) * torch.sigmoid(-2 * x)),
    "expm1": own(torch.expm1, torch.exp),
    "logsigmoid": own(lambda x: torch.clamp(x, max=0) - torch.log1p(torch.exp(-x.abs())), lambda x: torch.sigmoid(-x)),
}

def chosen(a, b, better):
    """torch.minimum and maximum give both the gradient at NaN; here neither gets it."""
    return torch.where(better(a, b), a, torch.where(a == b, a / 2 + b / 2, torch.where(better(b, a), b, (a + b).detach())))

def std(x, *dim):
    """0 has gradient 0, where torch's is infinite times 0."""
    v = torch.var(x, *dim) if dim else torch.var(x)
    return torch.where(v == 0, v * 0, torch.sqrt(torch.where(v == 0, torch.ones_like(v), v)))

UNARY = {
    "exp": (torch.exp, -5, 5), "log": (torch.log, 0.01, 9), "log1p": (torch.log1p, -0.9, 9), "expm1": (OWN["expm1"], -5, 5),
    "sqrt": (torch.sqrt, 0.01, 9), "abs": (torch.abs, -3, 3), "neg": (torch.neg, -3, 3), "sigmoid": (OWN["sigmoid"], -9, 9),
    "logsigmoid": (OWN["logsigmoid"], -9, 9), "softplus": (OWN["softplus"], -9, 9), "tanh": (OWN["tanh"], -4, 4),
    "relu": (OWN["relu"], -3, 3), "square": (torch.square, -3, 3), "sign": (OWN["sign"], -3, 3), "floor": (torch.floor, -9, 9),
    "round": (torch.round, -9, 9),
}
for name, (f, lo, hi) in UNARY.items():
    for k in range(COUNT):
        case(name, [Input(SHAPES[k % len(SHAPES)], lo, hi, kinds(k))], f)
    case(name, [Input([len(EDGE)], data=EDGE)], f)  # every edge once
for k in range(COUNT):
    case("lnot", [Input(SHAPES[k % len(SHAPES)], -3, 3, ["ties", "edge", "plain"][k % 3], grad=False)], torch.logical_not)
for k in range(COUNT):
    lo, hi = sorted(f32(random.uniform(-2, 2)) for _ in range(2))
    if k % 5 == 0: lo = hi  # the range is one point
    p = [{"min": lo, "max": hi}, {"min": lo}, {"max": hi}][k % 3]
    x = Input(SHAPES[k % len(SHAPES)], -3, 3, kinds(k))
    if k % 4 == 3: x = Input([4], data=[lo, hi, f32(lo - 1), f32(hi + 1)])  # at the bounds
    case("clamp", [x], lambda x: torch.clamp(x, p.get("min"), p.get("max")), p)

BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
          "minimum": lambda a, b: chosen(a, b, torch.lt), "maximum": lambda a, b: chosen(a, b, torch.gt)}
for name, f in BINARY.items():
    for k in range(COUNT):
        a, b = PAIRS[k % len(PAIRS)]
        lo, hi = (0.1, 3) if name == "pow" else (-3, 3)
        case(name, [Input(a, lo, hi, kinds(k)), Input(b, lo, hi, kinds(k + k // 7))], f)
TESTS = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
         "land": torch.logical_and, "lor": torch.logical_or}
for name, f in TESTS.items():
    for k in range(COUNT):
        a, b = PAIRS[k % len(PAIRS)]
        kind = ["ties", "edge", "plain"][k % 3]
        case(name, [Input(a, -2, 2, kind, grad=False), Input(b, -2, 2, kind, grad=False)], f)
for k in range(COUNT):
    a, b = PAIRS[k % len(PAIRS)]
    m = [a, b, torch.broadcast_shapes(a, b)][k % 3]
    mask = Input(m, data=[random.choice([0.0, 1.0, -0.0, 2.0, nan]) for _ in range(size(m))], grad=False)
    case("where", [mask, Input(a, -3, 3, kinds(k)), Input(b, -3, 3, "edge" if k % 2 else "plain")], lambda m, x, y: torch.where(m != 0, x, y))

# ---- reductions ----

def whole(f): return lambda x, *d: f(x, *d) if d else f(x.reshape(-1), 0)

REDUCE = {
    "sum": whole(torch.sum), "mean": whole(torch.mean), "var": whole(torch.var), "std": std,
    "max": whole(lambda x, d: torch.amax(x, d)), "min": whole(lambda x, d: torch.amin(x, d)), "logsumexp": whole(torch.logsumexp),
    "prod": whole(torch.prod), "norm": whole(lambda x, d: torch.linalg.vector_norm(x, 2, d)),
}
MEASURE = {"any": whole(lambda x, d: torch.any(x != 0, d)), "all": whole(lambda x, d: torch.all(x != 0, d)),
           "argmax": whole(torch.argmax), "argmin": whole(torch.argmin)}
LANES = [[1], [3], [7], [2, 3], [3, 2], [4, 1], [2, 2, 2], [2, 1, 3], [3, 2, 1]]
SPECIAL = [[inf, 1, 2], [-inf, 1, 2], [nan, 1, 2], [-inf, -inf], [inf, -inf, 1], [0, 0, 3], [0, 2, 3], [0, -0.0, 0], [2, 2, 2],
           [1e-40, 1e-45, 1e-38], [3e38, 3e38, -3e38], [1e8, 1, -1e8, 1], [1e4, 1e4 + 1, 1e4 - 1], [-1e10, -1e10], [88.8, 89, -120]]

def special(name, x):
    """Whether torch's gradient at x is the true one, or a convention that is shared."""
    if name == "logsumexp" and max(x) > 1e30: return False  # torch: log 2 is lost beside them
    if name == "norm" and max(x) > 1e30: return False  # it is no float32
    return name in ("sum", "mean") or all(map(math.isfinite, x))

for name, f in {**REDUCE, **MEASURE}.items():
    for k in range(COUNT - len(SPECIAL) + 6):
        shape = LANES[k % len(LANES)]
        d = None if k % 3 == 0 else random.randrange(-len(shape), len(shape))
        if name in ("var", "std"):
            n = size(shape) if d is None else shape[d]
            if n < 2: shape, d = [4], None
        kind = ["plain", "ties", "plain", "wide"][k % 4]
        if name in ("std", "norm") and kind == "wide": kind = "plain"
        args = [] if d is None else [d]
        x = Input(shape, -3, 3, kind, grad=name in REDUCE)
        case(name, [x], lambda x: f(x, *args), None if d is None else {"dim": d})
    for x in SPECIAL:
        x = [f32(v) for v in x]
        case(name, [Input([len(x)], data=x, grad=name in REDUCE)], lambda x: f(x), differentiable=special(name, x))

SCAN = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "cumsum": torch.cumsum}
for name, f in SCAN.items():
    for k in range(COUNT - 6):
        shape = LANES[k % len(LANES)]
        d = random.randrange(-len(shape), len(shape))
        x = Input(shape, -3, 3, ["plain", "ties", "plain", "wide"][k % 4])
        case(name, [x], lambda x: f(x, d), {"dim": d})
    for x in SPECIAL:
        if name != "cumsum" and (inf in x or not any(map(math.isfinite, x))): continue  # inf - inf
        x = [f32(v) for v in x]
        case(name, [Input([len(x)], data=x)], lambda x: f(x, 0), {"dim": 0},
             differentiable=all(map(math.isfinite, x)) and max(x) < 1e30)

# ---- ragged ----

def stretches(offsets): return list(zip(offsets, offsets[1:]))

def ragged(k):
    n = random.choice([1, 2, 4, 7, 9])
    if k % 6 == 5: return [0, n]
    offsets = [0] + sorted(random.randint(0, n) for _ in range(random.randint(1, 4))) + [n]
    return offsets  # equal neighbours are empty stretches

SEGMENT = {
    "segment_sum": lambda part: part.sum(0),
    "segment_mean": lambda part: part.mean(0) if len(part) else part.sum(0),
    "segment_max": lambda part: part.amax(0) if len(part) else part.sum(0) - inf,
}
for name, f in SEGMENT.items():
    for k in range(COUNT):
        offsets = ragged(k)
        shape = [offsets[-1]] + [[], [], [2], [2, 1]][k % 4]
        kind = ["plain", "ties", "plain", "wide"][k % 4]
        x = Input(shape, -3, 3, kind)
        if k % 8 == 7:
            data = draw(size(shape), -3, 3, "plain")
            data[random.randrange(len(data))] = random.choice([inf, -inf, nan] if name != "segment_max" else [-inf])
            x = Input(shape, data=data)
        case(name, [x], lambda x: torch.stack([f(x[lo:hi]) for lo, hi in stretches(offsets)]), {"offsets": offsets})
for k in range(COUNT):
    offsets = ragged(k)
    shape = [len(offsets) - 1] + [[], [], [2], [2, 1]][k % 4]
    case("segment_expand", [Input(shape, -3, 3, kinds(k))],
         lambda x: torch.cat([x[i:i + 1].expand([hi - lo] + list(x.shape[1:])) for i, (lo, hi) in enumerate(stretches(offsets))]),
         {"offsets": offsets})

# ---- products ----

PRODUCTS = [([3], [3]), ([2, 3], [3]), ([2], [2, 3]), ([2, 3], [3, 2]), ([1, 3], [3, 1]), ([2, 2, 3], [3, 2]), ([2, 1, 2], [2, 2, 3]),
            ([3], [2, 3, 2]), ([2, 2, 3], [3]), ([1, 2, 3], [2, 3, 1]), ([2, 0], [0, 3]), ([4, 5], [5, 4])]
for k in range(COUNT):
    a, b = PRODUCTS[k % len(PRODUCTS)]
    kind = ["plain", "ties", "plain", "wide"][k % 4]
    case("matmul", [Input(a, -3, 3, kind), Input(b, -3, 3, "plain")], torch.matmul)

# ---- shapes ----

for k in range(COUNT):
    shape = random.choice([[2, 3], [2, 2, 2], [3, 1, 2], [1, 4], [2, 3, 1, 2]])
    n, dims = size(shape), len(shape)
    x = lambda s=shape: Input(s, -3, 3, kinds(k))
    to = random.choice([[n], [-1], [1, n], [n, 1], [2, -1], [-1, 2]] if n % 2 == 0 else [[n], [-1], [1, -1]])
    case("reshape", [x()], lambda t: t.reshape(to), {"sizes": to})
    a, b = random.randrange(-dims, dims), random.randrange(-dims, dims)
    case("transpose", [x()], lambda t: t.transpose(a, b), {"dims": [a, b]})
    m = Input(random.choice([[2, 3], [3, 1], [1, 1], [4, 2]]), -3, 3, kinds(k))
    case("t", [m], lambda t: t.t())
    ones = random.choice([[1, 3], [2, 1], [1, 2, 1], [2, 1, 2], [1]])
    d = random.choice([i for i, s in enumerate(ones) if s == 1])
    args = [] if k % 3 == 0 else [d - len(ones) if k % 2 else d]
    case("squeeze", [x(ones)], lambda t: t.squeeze(*args), {"dims": args})
    d = random.randrange(-dims - 1, dims + 1)
    case("unsqueeze", [x()], lambda t: t.unsqueeze(d), {"dim": d})
    small, large = random.choice([([1], [4]), ([2, 1], [2, 3]), ([1, 3], [2, 3]), ([3], [2, 3]), ([2, 1, 2], [3, 2, 3, 2]), ([1, 1], [2, 2]), ([2, 1], [-1, 3])])
    case("expand", [x(small)], lambda t: t.expand(large), {"sizes": large})
    d = random.randrange(-dims, dims)
    start = random.randint(0, shape[d])
    length = random.randint(0, shape[d] - start)
    case("narrow", [x()], lambda t: t.narrow(d, start, length), {"dim": d, "start": start, "length": length})
    i = random.randrange(-shape[d], shape[d])
    case("select", [x()], lambda t: t.select(d, i), {"dim": d, "index": i})
    d = random.randrange(-dims, dims)
    parts = []
    for _ in range(random.randint(1, 3)):
        s = list(shape)
        s[d] = random.randint(0 if k % 5 == 0 else 1, 3)
        parts.append(x(s))
    case("cat", parts, lambda *p: torch.cat(p, d), {"dim": d})
    d = random.randrange(-dims - 1, dims + 1)
    case("stack", [x() for _ in range(random.randint(1, 3))], lambda *p: torch.stack(p, d), {"dim": d})
    case("clone", [x()], lambda t: t.clone())

# ---- making ----

for k in range(COUNT):
    start, stop, step = f32(random.uniform(-5, 5)), f32(random.uniform(-5, 5)), f32(random.choice([0.25, 0.5, 1, 1.5, 0.1]))
    if k % 2: start, stop = float(round(start)), float(round(stop))
    if stop < start: step = -step
    case("arange", [], lambda: torch.arange(start, stop, step, dtype=f64), {"start": start, "stop": stop, "step": step})
    n = random.randint(1, 9)
    case("linspace", [], lambda: torch.linspace(start, stop, n, dtype=f64), {"start": start, "stop": stop, "n": n})

print('{"torch":%s,"ops":{' % json.dumps(torch.__version__))
print(",\n".join('"%s":[\n%s]' % (op, ",\n".join(lines)) for op, lines in cases.items()))
print("}}")
