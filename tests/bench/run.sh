#!/usr/bin/env bash
# Runs the benchmarks of this directory and those of the matrix products in
# turn with torch's and OpenBLAS's, and the quickstart, and writes one table of
# medians, spreads and ratios. A round takes five minutes.
#
#   tests/bench/run.sh [ROUNDS [FILE]]      default 3 rounds, bench.md
#
# Needs Go and Debian's python3-torch and libopenblas0-openmp, which it installs
# where they are missing and apt-get may be used. Only the ratios mean anything
# on a shared machine.
set -euo pipefail

rounds=${1:-3}
case $rounds in
'' | *[!0-9]* | 0) echo "run.sh: rounds: got $rounds, want a number from 1 on" >&2; exit 2 ;;
esac
out=$(realpath -m "${2:-bench.md}")
cd "$(dirname "$0")"

python=/usr/bin/python3
have() { "$python" -c 'import ctypes, torch; ctypes.CDLL("libopenblas.so.0")' 2>/dev/null && [ -e /usr/share/doc/libopenblas0-openmp ]; }
if ! have; then
	if [ "$(id -u)" != 0 ]; then
		echo "run.sh: $python has no torch, or there is no OpenBLAS with OpenMP: install python3-torch and libopenblas0-openmp first" >&2
		exit 1
	fi
	apt-get update -q
	apt-get install -qy --no-install-recommends python3-torch libopenblas0-openmp
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go test -c -o "$scratch/bench" .
go test -c -o "$scratch/kernel" ../../internal/kernel
go test -c -o "$scratch/runtime" ../../runtime
go build -o "$scratch/hudrl" ../../cmd/hudrl
bench() { "$scratch/$1" -test.run '^$' -test.bench "$2" -test.benchtime "$3"; }
peer() { OMP_NUM_THREADS=$1 "$python" "${@:2}"; }

for i in $(seq "$rounds"); do
	echo "round $i of $rounds" >&2
	{
		bench bench 'Loop|Packed|Fused|Exp|Tiny' 0.2s
		bench bench 'Decode|Encode|Custom$' 0.2s
		GOMAXPROCS=1 bench bench 'Decode|Encode|Custom$' 0.2s | sed -E 's/^Benchmark(Decode|Encode|Custom)/Benchmark\1OneCore/'
		bench bench CustomMemory 5x
		bench bench 'VM$|Rollouts' 0.5s
		bench bench Steps 500x
		bench runtime Protections 10x
		bench runtime WaitingTasks 2x
		bench kernel 'Gemm$|GemmCores$' 0.2s
		HUDRL_KERNEL=avx2 bench kernel 'Gemm$' 0.2s | sed 's/^BenchmarkGemm/BenchmarkGemmAVX2/'
		"$python" process.py quickstart env HUDRL_HOME="$scratch/home$i" "$scratch/hudrl" run ../../scripts/quickstart.lua
	} >"$scratch/ours.$i"
	{
		peer 1 losses.py
		peer 1 wire.py
		peer 1 wire.py memory
		peer 1 gemm.py
		peer 1 startup.py "$scratch/hudrl"
		for threads in 1 2; do
			for kind in llama gpt; do
				# Ours as often as theirs, since the best of the four counts; a process each, which reports its peak memory.
				{
					bench bench Train/small 0.5s
					bench bench Train/medium 2x
					bench bench Sample 0.5s
				} >>"$scratch/ours.$i"
				peer $threads policy.py train small $kind
				peer $threads policy.py train medium $kind
				peer $threads policy.py sample $kind
			done
		done
	} >"$scratch/peer.$i"
done
{
	echo "$(go version | cut -d' ' -f3,4), torch $("$python" -c 'import torch; print(torch.__version__)')," \
		"OpenBLAS $(dpkg-query -W -f '${Version}' libopenblas0-openmp)," \
		"$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, $rounds rounds, $(git rev-parse --short HEAD)."
	echo
	"$python" table.py "$scratch"
} >"$scratch/table"
mkdir -p "$(dirname "$out")"
cp "$scratch/table" "$out"
cat "$out"
