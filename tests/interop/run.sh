#!/usr/bin/env bash
# Drives hudrl serve with HUD's and OpenAI's own Python clients, as PyPI has
# them, and with HUD's command line; see main.py. Prints each call it covers.
#
#   tests/interop/run.sh
#
# Ends with 0 if every check passed, 1 if not, and 69 if the clients could not
# be fetched because the network is not there. Needs Go, and Debian's
# python3-torch and python3-venv, which it installs where they are missing and
# apt-get may be used. Keeps the installed clients in .cache/interop.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
python=/usr/bin/python3
scratch=$(mktemp -d)
# A client that crashed has not stopped the service that it started.
trap 'pkill -f "^$scratch/hudrl " || true; rm -rf "$scratch"' EXIT

# Runs a command that fetches. Ends with 69 if it failed for want of a network:
# pip used up its retries on connections, or apt-get reached nobody. A package
# that is not there, a wrong certificate or an index that answers are failures.
fetch() {
	local log="$scratch/fetch.log" broken="(NewConnection|NameResolution|ConnectTimeout|ReadTimeout|Proxy|Protocol)Error"
	if "$@" >"$log" 2>&1; then
		return
	fi
	cat "$log" >&2
	echo "run.sh: failed: $*" >&2
	if grep -qE "Retry\(total=0,.* after connection broken by '$broken|Max retries exceeded .*Caused by $broken|^[a-zA-Z0-9_.]*ReadTimeoutError: " "$log" ||
		grep -qE "^[EW]: .*(Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Connection timed out)" "$log"; then
		echo "run.sh: there is no network" >&2
		exit 69
	fi
	exit 1
}

has() { "$python" -c "import $1" 2>/dev/null; }
if ! has torch || ! has ensurepip; then
	if [ "$(id -u)" != 0 ]; then
		echo "run.sh: $python has no torch or no venv: install python3-torch and python3-venv first" >&2
		exit 1
	fi
	fetch apt-get -q -o APT::Update::Error-Mode=any update
	fetch apt-get -qy install --no-install-recommends python3-torch python3-venv
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))'; then
	echo "run.sh: hud wants Python 3.11 or 3.12: $python is $("$python" -V)" >&2
	exit 1
fi

# Complete only with its mark: an interrupted installation is made anew.
venv="$root/.cache/interop/$(cat requirements.txt constraints.txt <("$python" -V) | sha256sum | cut -c1-16)"
mkdir -p "$venv"
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/complete" ]; then
	"$python" -m venv --clear --system-site-packages "$venv"
	fetch "$venv/bin/pip" install --disable-pip-version-check --retries 3 -r requirements.txt -c constraints.txt
	touch "$venv/complete"
fi
exec 9>&-

go build -o "$scratch/hudrl" "$root/cmd/hudrl"
mkdir "$scratch/home" "$scratch/run"
# The clients see nothing of this user, and guard/ keeps them on this machine.
status=0
env -i PATH=/usr/bin:/bin HOME="$scratch/home" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1 \
	PYTHONPATH="$PWD/guard" INTEROP_REFUSED="$scratch/refused" \
	"$venv/bin/python" main.py "$scratch/hudrl" "$scratch/run" || status=$?
if [ "$status" != 0 ]; then
	echo "--- the service's warnings" >&2
	grep -E '^(warning|error):' "$scratch/run/serve.log" >&2 || true
	exit 1
fi
