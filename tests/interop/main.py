"""Drives hudrl serve with HUD's and OpenAI's own Python clients: main.py HUDRL SCRATCH.

HUDRL is the program, SCRATCH an empty directory. Prints a line for each call
that the checks cover and ends with 0 if all of them passed. run.sh starts it.
"""
import io
import logging
import os
import re
import signal
import socket
import subprocess
import sys

KEY = "interop-key-0123456789"


def serve(hudrl, scratch):
    """Starts the service on a free port; returns the process and its URL."""
    log = open(os.path.join(scratch, "serve.log"), "wb")
    server = subprocess.Popen(
        [hudrl, "serve", "--addr", "127.0.0.1:0", "--data", os.path.join(scratch, "models")],
        env={"HOME": os.environ["HOME"], "HUDRL_SERVE_KEY": KEY},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
    )
    first = server.stdout.readline()
    said = re.match(r"serving at (http://127\.0\.0\.1:\d+) ", first)
    if said is None:
        server.kill()
        sys.exit(f"main.py: hudrl serve: got {first!r}, want its address; see {log.name}")
    return server, said[1]


def guarded(suite, refused):
    """The audit hook is there, and nothing but the try below ever met it."""
    from suite import equal, want

    with suite.check("no client reaches for another machine"):
        before = open(refused, encoding="utf-8").read() if os.path.exists(refused) else ""
        equal(before, "", "connections that were refused")
        for reach in (
            lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),  # RFC 5737: nobody's
            lambda: socket.getaddrinfo("api.hud.ai", 443),
        ):
            try:
                reach()
            except PermissionError:
                continue
            want(False, "the guard let a connection to another machine through: is guard/ on PYTHONPATH?")
        equal(len(open(refused, encoding="utf-8").readlines()), 2, "lines of the guard's own try")


def bites(suite):
    """The suite notices what it is there to notice."""
    from suite import CHAT, LOSSES, Suite, equal, want

    class Client:
        def used(self, a, b=1):
            pass

        def forgotten(self):
            pass

    with suite.check("the suite itself: a call that is listed and not made, made twice, or not listed fails", [LOSSES] * 4):
        other = Suite(suite.url, suite.key, out=io.StringIO())
        other.watch(Client)
        ask = hud_request(suite)
        for title, requests, calls in [("not made", [LOSSES], 0), ("twice", [LOSSES], 2), ("not listed", [], 1), ("another", [CHAT], 1)]:
            with other.check(title, *requests):
                Client().used(2)
                for _ in range(calls):
                    ask()
        equal((other.passed, other.failed), ([], ["not made", "twice", "not listed", "another"]), "passed, failed")
        try:
            other.covered(Client)
        except AssertionError as error:
            want(str(error).endswith("nothing here uses: forgotten(), used(b)"), f"got {error}")
        else:
            want(False, "a method and a parameter that nothing uses were not missed")


def hud_request(suite):
    """A function that asks for the losses of a model."""
    from hud.utils.requests import make_request_sync

    return lambda: make_request_sync("GET", f"{suite.url}/v1/models/hudrl%2Fnano/train/losses", api_key=suite.key)


def main(hudrl, scratch):
    server, url = serve(hudrl, scratch)
    try:
        # The client reads these once, when it is imported. Telemetry comes
        # here too: it is how a trace's id becomes a training input.
        os.environ.update(
            HUD_API_KEY=KEY, HUD_API_URL=url, HUD_RL_URL=url, HUD_GATEWAY_URL=url, HUD_TELEMETRY_URL=url,
            HUD_RUNTIME_URL="http://127.0.0.1:9", HUD_WEB_URL="http://127.0.0.1:9", HUD_FILE_TRACKING_ENABLED="0",
            HUD_CLI_ANALYTICS_ENABLED="0", HUD_SKIP_VERSION_CHECK="1",
        )
        logging.basicConfig(filename=os.path.join(scratch, "client.log"), level=logging.WARNING)  # what the client would print

        import hud
        import openai
        import torch

        import command
        import failures
        import gateway
        import losses
        import rollouts
        import tools
        import training
        from suite import Suite

        print(f"hud {hud.__version__}, openai {openai.__version__}, torch {torch.__version__}, "
              f"Python {sys.version.split()[0]}, {subprocess.check_output([hudrl, 'version'], text=True).splitlines()[0]}")
        suite = Suite(url, KEY)
        suite.watch(hud.TrainingClient)
        bites(suite)
        models = command.forks(suite)
        training.run(suite, models)
        failures.run(suite, models)
        rollouts.run(suite, models)
        gateway.run(suite, models)
        tools.run(suite, models)
        losses.run(suite, models, hudrl)
        command.trees(suite, models)
        command.complete(suite)
        with suite.check("hud.TrainingClient: every public method and parameter was used"):
            suite.covered(hud.TrainingClient)
        guarded(suite, os.environ["INTEROP_REFUSED"])
        server.send_signal(signal.SIGTERM)
        if (code := server.wait(60)) != 0:
            suite.failed.append("hudrl serve stops")
            print(f"FAIL  hudrl serve stops\n      exit code: got {code}, want 0")
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    print(f"{len(suite.passed)} passed, {len(suite.failed)} failed")
    return 1 if suite.failed or not suite.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
