"""Runs a command: process.py NAME COMMAND... prints "NAME nanoseconds" and "NAME-mb megabytes", its time and peak memory."""
import resource
import subprocess
import sys
import time

start = time.perf_counter()
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
print(sys.argv[1], (time.perf_counter() - start) * 1e9)
print(sys.argv[1] + "-mb", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3)
