"""Joins the rounds of run.sh: table.py DIRECTORY prints one table of medians, spreads and ratios."""
import pathlib
import re
import statistics
import sys

rounds = []  # of {name: nanoseconds}, ours and the peer's together
for path in sorted(pathlib.Path(sys.argv[1]).glob("ours.*")):
    r = {}
    for line in path.read_text().splitlines():
        if m := re.match(r"Benchmark(\w+)/(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op", line):
            r["our " + m[1].lower() + "/" + m[2]] = float(m[3])
    for line in path.with_name(path.name.replace("ours", "peer")).read_text().splitlines():
        name, ns = line.split()
        r["peer " + name] = float(ns)
    rounds.append(r)

SIZES = ["64x512", "256x1024", "256x4096", "1024x256"]
# row of the goals, what it is, ours, the other
ROWS = (
    [("4", f"loop in Lua / torch loop, {s}", f"our loop/{s}", f"peer loop/{s}") for s in SIZES]
    + [("5", f"packed in Lua / torch padded, {s}", f"our packed/{s}", f"peer padded/{s}") for s in SIZES]
    + [("5", f"packed in Lua / our fused, {s}", f"our packed/{s}", f"our fused/{s}") for s in SIZES]
    + [("6", f"fused / torch loop, {s}", f"our fused/{s}", f"peer loop/{s}") for s in SIZES]
    + [("6", f"fused / torch padded, {s}", f"our fused/{s}", f"peer padded/{s}") for s in SIZES]
    + [("7", "exp, a million", "our exp/1M", "peer exp/1M"), ("14", "10,000 tiny products", "our tiny/10000", "peer tiny/10000")]
)


def ms(values):
    return f"{statistics.median(values) / 1e6:.4g} [{min(values) / 1e6:.4g}..{max(values) / 1e6:.4g}]"


print("| row | work | ours, ms | the other, ms | R |")
print("|---|---|---|---|---|")
for row, what, ours, other in ROWS:
    pairs = [(r[ours], r[other]) for r in rounds if ours in r and other in r]
    if not pairs:
        sys.exit(f"table.py: no round has both {ours} and {other}")
    ratios = [b / a for a, b in pairs]
    print(f"| {row} | {what} | {ms([a for a, _ in pairs])} | {ms([b for _, b in pairs])} "
          f"| {statistics.median(ratios):.3g} [{min(ratios):.3g}..{max(ratios):.3g}] |")
