"""Joins the rounds of run.sh: table.py DIRECTORY prints one table of medians, spreads and ratios."""
import pathlib
import re
import statistics
import sys

UNITS = {"ns/op": "ns", "GFLOP/s": "gflops", "peak-GFLOP/s": "peak", "x-one-core": "cores", "peak-MB": "mb", "MB/s": "rate",
         "B/op": "bytes", "KB/task": "task", "KB/step": "step", "kept-KB/step": "kept", "goroutines": "goroutines",
         "context-ns": "context", "default-ns": "default", "budget-ns": "budget"}


def read(ours, peer):
    """One round as {name: value}, in nanoseconds, megabytes and GFLOP/s. Of several times the best counts, of several
    amounts of memory the largest."""
    r = {}

    def put(name, value):
        pick = {"ns": min, "mb": max, "rate": max}.get(name.split()[-1], lambda old, new: new)
        r[name] = pick(r.get(name, value), value)

    for line in ours.read_text().splitlines() + peer.read_text().splitlines():
        if m := re.match(r"Benchmark(\w+)/(\S+?)(?:-\d+)?\s+\d+\s+(.*)", line):
            fields = m[3].split()
            for value, unit in zip(fields[::2], fields[1::2]):
                if unit in UNITS:
                    put(f"{m[1].lower()}/{m[2]} {UNITS[unit]}", float(value))
        elif len(line.split()) == 2 and not line.startswith(("goos", "goarch", "pkg", "ok")):
            name, value = line.split()
            put(name.removesuffix("-mb") + (" mb" if name.endswith("-mb") else " ns"), float(value))
    return r


rounds = [read(p, p.with_name(p.name.replace("ours", "peer"))) for p in sorted(pathlib.Path(sys.argv[1]).glob("ours.*"))]

SIZES = ["64x512", "256x1024", "256x4096", "1024x256"]


def get(r, key):
    """A value of a round; of a pattern with * the least: torch's best set-up."""
    if "*" not in key:
        return r.get(key)
    pattern = re.compile(re.escape(key).replace(r"\*", ".*"))
    return min((v for k, v in r.items() if pattern.fullmatch(k)), default=None)


SHOWN = {"ns": (1e-6, "ms", 4), "mb": (1, "MB", 3), "gflops": (1, "GFLOP/s", 3), "peak": (1, "GFLOP/s", 3), "cores": (1, "", 3),
         "rate": (1e-3, "GB/s", 3), "bytes": (1e-3, "KB", 3), "task": (1, "KB", 3), "step": (1, "KB", 3), "kept": (1, "KB", 3),
         "goroutines": (1, "", 3), "context": (1, "ns", 3), "default": (1, "ns", 3), "budget": (1, "ns", 3)}


def show(values, unit):
    scale, name, digits = SHOWN[unit]
    low, mid, high = (f"{f(values) * scale:.{digits}g}" for f in (min, statistics.median, max))
    return f"{mid} {name}".strip() + f" [{low}..{high}]"


print("| row | work | ours | the other | R | must, goal |")
print("|---|---|---|---|---|---|")


def line(row, what, ours, other, bounds, ratio=lambda a, b: b / a):
    pairs = [(get(r, ours), get(r, other) if other else 1.0) for r in rounds]
    pairs = [p for p in pairs if None not in p]
    if not pairs:
        sys.exit(f"table.py: no round has both {ours} and {other}")
    ratios = [ratio(a, b) for a, b in pairs]
    theirs = show([b for _, b in pairs], other.split()[-1]) if other else ""
    print(f"| {row} | {what} | {show([a for a, _ in pairs], ours.split()[-1])} | {theirs} "
          f"| {statistics.median(ratios):.3g} [{min(ratios):.3g}..{max(ratios):.3g}] | {bounds} |")


def part(a, b):
    return a / b


def per_thousand(a, _):
    return a / 1000


def value(a, _):
    return a


for s in SIZES:
    work = "forward_backward_custom in Lua / json and torch"
    line(1, f"{work}, one core, {s}", f"customonecore/{s} ns", f"peer/custom/{s} ns", "12, 18")
    line(1, f"{work}, both cores, {s}", f"custom/{s} ns", f"peer/custom/{s} ns", "12, 30")
    line(1, f"{work}, both cores, numbers of 9 digits, {s}", f"custom/short-{s} ns", f"peer/custom/short-{s} ns", "")
for s in SIZES:
    work = "decode forward / json.loads"
    line(2, f"{work}, one core, {s}", f"decodeonecore/{s} ns", f"peer/decode/{s} ns", "8, 11")
    line(2, f"{work}, both cores, {s}", f"decode/{s} ns", f"peer/decode/{s} ns", "8, 11")
    line(2, f"{work}, both cores, numbers of 9 digits, {s}", f"decode/short-{s} ns", f"peer/decode/short-{s} ns", "")
    line(2, f"decode forward, one core, {s}", f"decodeonecore/{s} rate", "", "0.8, 1.1 GB/s", per_thousand)
    line(2, f"decode forward, both cores, {s}", f"decode/{s} rate", "", "0.8, 2 GB/s", per_thousand)
for s in SIZES:
    line(3, f"encode backward / tolist and json.dumps, one core, {s}", f"encodeonecore/{s} ns", f"peer/encode/{s} ns", "12, 22")
    line(3, f"encode backward, one core, {s}", f"encodeonecore/{s} rate", "", "goal 1 GB/s", per_thousand)
for s in SIZES:
    line(4, f"loop in Lua / torch loop, {s}", f"loop/{s} ns", f"peer/glm_double_sided-loop/{s} ns", "3, 8" if s == "256x4096" else "8, 15")
for s in SIZES:
    line(5, f"packed in Lua / torch padded, {s}", f"packed/{s} ns", f"peer/glm_double_sided-padded/{s} ns", "3")
for s in SIZES:
    line(5, f"packed in Lua / our fused, {s}", f"packed/{s} ns", f"fused/glm_double_sided-{s} ns", "goal 0.4")
for loss in ("glm_double_sided", "ppo", "gspo", "dpo"):
    for s in SIZES:
        line(6, f"{loss} / torch loop, {s}", f"fused/{loss}-{s} ns", f"peer/{loss}-loop/{s} ns", "40, 50" if s == "256x4096" else "40, 150")
    for s in SIZES:
        line(6, f"{loss} / torch padded, {s}", f"fused/{loss}-{s} ns", f"peer/{loss}-padded/{s} ns", "8, 14")
line(7, "exp, a million", "exp/1M ns", "peer/exp/1M ns", "2, 3")
shapes = [k.removeprefix("peer/gemm/").removesuffix(" ns") for k in rounds[0] if k.startswith("peer/gemm/")]
for level, name, bounds in (("gemm", "widest vectors", "0.80, 0.90"), ("gemmavx2", "AVX2", "0.75, 0.90")):
    for s in shapes:
        line(8, f"GEMM {s}, {name} / peak", f"{level}/{s} gflops", f"{level}/{s} peak", bounds, part)
for s in shapes:
    m, n, k = map(int, s.split("x"))
    for r in rounds:
        r[f"openblas/{s} gflops"] = 2 * m * n * k / r[f"peer/gemm/{s} ns"]
    line(8, f"GEMM {s} / OpenBLAS", f"gemm/{s} gflops", f"openblas/{s} gflops", "goal 1", part)
for s in shapes:
    if min(map(int, s.split("x"))) >= 128 and s != "128x128x128":
        line(9, f"GEMM {s}, all cores / one", f"gemmcores/{s} cores", "", "1.7, 1.95", part)
for size, bounds in (("small", "1.1, 1.5"), ("medium", "0.9, 1.2")):
    line(10, f"training {size} / torch's best", f"train/{size} ns", f"peer/train/{size}-* ns", bounds)
for n, bounds in ((1, "6, 9"), (32, "2, 3")):
    for how in ("greedy", "drawn"):
        line(11, f"sampling {n}, {how} / torch's best", f"sample/{n}-{how} ns", f"peer/sample/{n}-{how}-* ns", bounds)
line(12, "start to the first byte / import torch", "start ns", "peer/start ns", "25 ms, 10 ms")
line(12, "memory at the first byte / import torch", "start mb", "peer/start mb", "30 MB, 15 MB")
for size in ("small", "medium"):
    line(13, f"peak memory of training {size} / torch's least", f"train/{size} mb", f"peer/train/{size}-* mb", "at most 0.5, 0.25", part)
line(13, "peak memory of forward_backward_custom in Lua / json and torch, 256x4096", "custommemory/256x4096 mb", "peer/custom/256x4096 mb", "200 MB, 80 MB", part)
line(14, "10,000 tiny products", "tiny/10000 ns", "peer/tiny/10000 ns", "500 ns, 250 ns each")
line(16, "quickstart", "quickstart ns", "", "25 s, 13 s", lambda a, _: a / 1e9)
line(16, "quickstart's peak memory", "quickstart mb", "", "300 MB", part)
line(15, "a new VM with every module, microseconds", "vm/all ns", "", "300, 100", per_thousand)
line(15, "memory that it allocates, KB", "vm/all bytes", "", "300, 120", per_thousand)
line(17, "each of 1,000 rollouts at once, microseconds", "rollouts/1000 ns", "", "100, 50", per_thousand)
line(17, "memory of each while it waits, KB", "rollouts/1000 task", "", "128, 64", value)
line(17, "memory of each of 10,000 spawned tasks that wait, KB", "waitingtasks/10000 task", "", "", value)
line(18, "what a training step keeps, KB", "steps/tiny kept", "", "0", value)
line(18, "goroutines that 500 steps leave", "steps/tiny goroutines", "", "0", value)
line(18, "what a training step allocates, KB", "steps/tiny step", "", "known", value)
pieces = [k.removesuffix(" context") for k in rounds[0] if k.endswith(" context")]
for p in pieces:
    line("", f"{p.removeprefix('protections/')}: default limits / gopher-lua with a context", f"{p} default", f"{p} context", "at most 1.3", part)
for p in pieces:
    line("", f"{p.removeprefix('protections/')}: budgets / gopher-lua with a context", f"{p} budget", f"{p} context", "at most 1.3", part)
