"""What a check is, and how it is known that its calls were made.

A check names the requests it makes, and fails unless the service counted
exactly these while it ran: nothing that is listed was left out, nothing was sent
twice. Meanwhile it notes which methods of the client ran and which of their
parameters had a value of the test's own, so that the client's public surface
can be compared with what was used of it.
"""
import contextlib
import functools
import inspect
import os
import re
import sys
import time
import traceback
import urllib.request
from collections import Counter

TRAIN = "/v1/models/{model}/train/"
LOSSES = "GET " + TRAIN + "losses"
FORWARD = "POST " + TRAIN + "forward"
FORWARD_BACKWARD = "POST " + TRAIN + "forward-backward"
BACKWARD = "POST " + TRAIN + "backward"
OPTIM_STEP = "POST " + TRAIN + "optim-step"
MODELS = "GET /v2/models"
RESOLVE = "GET /v2/models/resolve"
FORK = "POST /v2/models/fork"
CHECKPOINTS = "GET /v2/models/{model}/checkpoints"
HEAD = "PUT /v2/models/{model}/head"
CHAT = "POST /v1/chat/completions"
GATEWAY = "POST /chat/completions"  # HUD's clients have no /v1
JOB = "POST /v2/trace/job/{job}/enter"
ENTER = "POST /v2/trace/{trace}/enter"
EXIT = "POST /v2/trace/{trace}/exit"
UPLOAD = "POST /trace/{trace}/telemetry-upload"
EVENTS = "POST /sdk-events/cli"

_SAMPLE = re.compile(r'hudrl_http_requests_total\{route="([^"]*)",code="(\d+)"\} (\d+)')


def want(condition, message):
    """An assertion that python -O does not remove."""
    if not condition:
        raise AssertionError(message)


def equal(got, wanted, what):
    want(got == wanted, f"{what}: got {got!r}, want {wanted!r}")


def near(got, wanted, bound, what):
    """|got − wanted| ≤ bound for two numbers or two lists of numbers."""
    if isinstance(got, (int, float)):
        got, wanted = [got], [wanted]
    equal(len(got), len(wanted), f"{what}: length")
    for i, (a, b) in enumerate(zip(got, wanted)):
        want(abs(a - b) <= bound, f"{what}: position {i}: got {a}, want {b} within {bound}")


class Suite:
    """The checks of one run against the service at url."""

    def __init__(self, url, key, out=None):
        self.url, self.key, self.out = url, key, out or sys.stdout
        self.passed, self.failed = [], []
        self.commands = []  # what followed "hud" in the command lines that ran
        self._checking = False
        self._used = {}  # (owner, method) -> parameters that were given

    def watch(self, cls):
        """Notes every call of cls's public methods that a check makes from now on.

        The methods themselves run as they are. A profile function would need no
        wrapper, but Python before 3.11.3, and Debian's is, crashes now and then
        when it collects garbage inside one (github.com/python/cpython/issues/101975).
        """
        for name, method in surface(cls).items():
            setattr(cls, name, self._noting(cls.__name__, name, method))

    def _noting(self, owner, name, method):
        signature = inspect.signature(method)

        def note(args, kwargs):
            if self._checking:
                used = self._used.setdefault((owner, name), set())
                with contextlib.suppress(TypeError):  # the method itself says what is wrong
                    given = signature.bind(*args, **kwargs).arguments
                    used.update(p for p, value in given.items() if p != "self" and value != signature.parameters[p].default)

        if inspect.iscoroutinefunction(method):
            @functools.wraps(method)
            async def noting(*args, **kwargs):
                note(args, kwargs)
                return await method(*args, **kwargs)
        else:
            @functools.wraps(method)
            def noting(*args, **kwargs):
                note(args, kwargs)
                return method(*args, **kwargs)

        return noting

    def requests(self):
        """How many requests of each route the service has answered, by status."""
        deadline = time.monotonic() + 30
        while True:
            ask = urllib.request.Request(self.url + "/metrics", headers={"Authorization": "Bearer " + self.key})
            with urllib.request.urlopen(ask, timeout=30) as answer:
                page = answer.read().decode()
            # A request is counted after its answer: this one is the only one under way when all others are.
            if "\nhudrl_http_requests_in_flight 1\n" in page:
                break
            want(time.monotonic() < deadline, "requests are under way half a minute after the check ended")
            time.sleep(0.005)
        counts = Counter({(route, int(code)): int(n) for route, code, n in _SAMPLE.findall(page)})
        return Counter({k: n for k, n in counts.items() if k[0] != "GET /metrics"})

    @contextlib.contextmanager
    def check(self, title, *requests, some=()):
        """A check that makes exactly these requests, and each of some at least once.

        A request is a route, answered with 200, or (route, status); a number of
        equal ones is [request] * n, which may be nested.
        """
        wanted, why = Counter(_flat(requests)), None
        lasting = {(r, 200) if isinstance(r, str) else r for r in some}
        before = self.requests()
        self._checking = True
        try:
            yield
        except Exception as error:  # what is no Exception ends the run
            at = traceback.extract_tb(error.__traceback__)
            ours = [f for f in at if os.path.dirname(f.filename) == os.path.dirname(__file__) and f.filename != __file__]
            place = f" ({os.path.basename(ours[-1].filename)}:{ours[-1].lineno})" if ours else ""
            why = f"{type(error).__name__}: {error}{place}"
        finally:
            self._checking = False
        try:
            made = self.requests() - before
        except Exception as error:
            made, why = Counter(), why or f"{type(error).__name__}: {error}"
        if why is None:
            missing = [r for r in lasting if not made[r]]
            made_exactly = Counter({r: n for r, n in made.items() if r not in lasting})
            if missing:
                why = "was not requested: " + _shown(Counter(missing))
            elif made_exactly != wanted:
                why = f"requests: got {_shown(made_exactly)}, want {_shown(wanted)}"
        if why is None:
            self.passed.append(title)
            print(f"ok    {title}  [{_shown(made)}]", file=self.out, flush=True)
        else:
            self.failed.append(title)
            print(f"FAIL  {title}\n      {why}", file=self.out, flush=True)

    def covered(self, cls):
        """The public methods and parameters of cls that no passing run may miss."""
        missing = []
        for name, method in surface(cls).items():
            used = self._used.get((cls.__name__, name))
            if used is None:
                missing.append(f"{name}()")
                continue
            missing += [f"{name}({p})" for p in inspect.signature(method).parameters if p != "self" and p not in used]
        want(not missing, f"{cls.__name__} has what nothing here uses: {', '.join(missing)}")


def surface(cls):
    """The public methods of cls, inherited ones included, and __init__."""
    return {name: f for name, f in inspect.getmembers(cls, inspect.isfunction) if name == "__init__" or not name.startswith("_")}


def _flat(requests):
    for r in requests:
        if isinstance(r, list):
            yield from _flat(r)
        else:
            yield (r, 200) if isinstance(r, str) else r


def _shown(made):
    if not made:
        return "no request"
    parts = []
    for (route, code), n in sorted(made.items()):
        method, path = route.split(" ", 1) if " " in route else ("", route)
        path = path.replace(TRAIN, "…/train/").replace("/v2/models/{model}", "…")
        parts.append(f"{method} {path}" + (f" {code}" if code != 200 else "") + (f" ×{n}" if n > 1 else ""))
    return ", ".join(parts)
