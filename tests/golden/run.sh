#!/bin/sh
# Writes every .json here anew from the .py of its name. The expected values are
# torch's: Debian's python3-torch, whose version each file records.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch; print("torch", torch.__version__)'
for generator in *.py; do
	name=${generator%.py}
	echo "$name"
	"$python" "$generator" >"$name.json.new"
	mv "$name.json.new" "$name.json"
done
