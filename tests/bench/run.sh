#!/usr/bin/env bash
# Runs the benchmarks of this directory in turn with torch's and writes one
# table of medians, spreads and ratios (the other's time divided by ours).
#
#   tests/bench/run.sh [ROUNDS [FILE]]      default 5 rounds, bench.md
#
# Needs Go and Debian's python3-torch, which it installs where it is missing
# and apt-get may be used. Only the ratios mean anything on a shared machine.
set -euo pipefail

rounds=${1:-5}
case $rounds in
'' | *[!0-9]* | 0) echo "run.sh: rounds: got $rounds, want a number from 1 on" >&2; exit 2 ;;
esac
out=$(realpath -m "${2:-bench.md}")
cd "$(dirname "$0")"

python=/usr/bin/python3
if ! "$python" -c 'import torch' 2>/dev/null; then
	if [ "$(id -u)" != 0 ]; then
		echo "run.sh: $python has no torch: install python3-torch first" >&2
		exit 1
	fi
	apt-get update -q
	apt-get install -qy --no-install-recommends python3-torch
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go test -c -o "$scratch/bench" .
# One thread: torch's other settings are slower at these sizes.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
for i in $(seq "$rounds"); do
	echo "round $i of $rounds" >&2
	"$scratch/bench" -test.run '^$' -test.bench . -test.benchtime 0.3s >"$scratch/ours.$i"
	"$python" peer.py >"$scratch/peer.$i"
done
{
	echo "$(go version | cut -d' ' -f3,4), torch $("$python" -c 'import torch; print(torch.__version__)') on one thread," \
		"$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $rounds rounds, $(git rev-parse --short HEAD)."
	echo
	"$python" table.py "$scratch"
} >"$scratch/table"
mkdir -p "$(dirname "$out")"
cp "$scratch/table" "$out"
cat "$out"
