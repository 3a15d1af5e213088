"""Starts commands: startup.py HUDRL prints the nanoseconds until the first byte of a script that prints, and of
`import torch`, and the megabytes that each process has taken by then. They take turns; the least time counts."""
import subprocess
import sys
import time


def first(name, command):
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as p:
        p.stdout.read(1)
        spent = time.perf_counter() - start
        with open(f"/proc/{p.pid}/status") as status:
            held = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
        p.communicate()
    if p.returncode != 0:
        sys.exit(f"startup.py: {name} ended with {p.returncode}")
    print(name, spent * 1e9)
    for kb in held:  # none where the process has just ended
        print(name + "-mb", kb / 1e3)


hudrl = sys.argv[1]
for _ in range(3):
    for _ in range(10):
        first("start", [hudrl, "run", "-e", "print(1)"])
    first("peer/start", [sys.executable, "-c", "import torch, sys; print(1, flush=True); sys.stdin.read()"])
