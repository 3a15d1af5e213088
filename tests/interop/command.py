"""HUD's command line: hud models list, fork, checkpoints and head."""
import json
import os
import subprocess
import sys

import typer
from hud.cli.models import models_app
from hud.utils.platform import PlatformClient

from suite import CHECKPOINTS, EVENTS, FORK, HEAD, MODELS, equal, want

# Each has weights of its own. The client keeps the list of models that it read
# first, so all of them are made before one is trained.
NAMES = ["interop", "rollouts", "tools", "page-torch", "page-lua", "glm-torch", "glm-lua"]

NOBODY = "00000000-0000-4000-8000-000000000000"


class Ran:
    """A command line of HUD's that has ended."""

    def __init__(self, suite, args, **env):
        suite.commands.append(args)
        script = os.path.join(os.path.dirname(sys.executable), "hud")  # as pip installed it
        done = subprocess.run(
            [script, *args], env={**os.environ, "COLUMNS": "200", **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.about = f"hud {' '.join(args)}: exit code {self.code}, stdout {self.out!r}, stderr {self.err!r}"

    def well(self):
        want(self.code == 0, self.about)
        return self

    def json(self):
        return json.loads(self.well().out)

    def shows(self, *texts):
        for text in texts:
            want(text in self.well().out, f"want {text!r} in {self.about}")

    def fails(self, code, *texts):
        want(self.code == code, f"want exit code {code}: {self.about}")
        for text in texts:
            want(text in self.out + self.err, f"want {text!r} in {self.about}")


def forks(suite):
    """Tries list and fork; returns the ids of the models by name."""
    ids = {}

    def hud(*args, **env):
        return Ran(suite, ["models", *args], **env)

    with suite.check("hud models list --json", MODELS):
        listed = {m["model_name"]: m for m in hud("list", "--json").json()}
        want({"hudrl/nano", "hudrl/mini"} <= set(listed), f"got {sorted(listed)}, want hudrl/nano and hudrl/mini")
        for m in listed.values():
            equal(m["sdk_agent_type"], "openai_compatible", f"{m['model_name']}: sdk_agent_type")
            want(m["id"] and m["provider"]["name"], f"{m}: want an id and a provider")
    with suite.check("hud models fork --dry-run"):
        plan = hud("fork", "hudrl/nano", "--name", "never", "--dry-run", "--json").json()
        equal((plan["source"], plan["name"], plan["dry_run"]), ("hudrl/nano", "never", True), "the plan")
    with suite.check("hud models fork: asks for --yes where nobody can answer"):
        hud("fork", "hudrl/nano", "--name", "never").fails(2, "--yes")
    with suite.check("hud models fork", MODELS, FORK):
        hud("fork", "hudrl/nano", "--name", "Interop Fork", "--yes").shows(
            "Forked Interop Fork", "slug: interop-fork", "hud.TrainingClient('interop-fork')")
    with suite.check("hud models fork --json", MODELS, FORK):
        made = hud("fork", "hudrl/nano", "-n", NAMES[0], "-y", "--json").json()
        equal(made["model_name"], NAMES[0], "model_name")
        ids[NAMES[0]] = made["id"]
    with suite.check("PlatformClient.post: what hud models fork calls", [FORK] * len(NAMES[1:])):
        for name in NAMES[1:]:
            made = PlatformClient.from_settings().post("/models/fork", json={"source_model_id": ids[NAMES[0]], "name": name})
            ids[made["model_name"]] = made["id"]
        equal(list(ids), NAMES, "slugs")
    with suite.check("hud models fork --if-not-exists: a model of a new name", MODELS, FORK):
        made = hud("fork", "interop-fork", "-n", "second", "-y", "--if-not-exists", "--json").json()
        equal(made["model_name"], "second", "model_name")
    with suite.check("hud models fork: asked for again at once, as after a lost answer, it is the same model", MODELS, FORK):
        equal(hud("fork", "interop-fork", "-n", "second", "-y", "--json").json()["id"], made["id"], "id")
    with suite.check("hud models fork: a name that is taken", MODELS, (FORK, 409)):
        hud("fork", "hudrl/nano", "-n", "second", "-y").fails(1, 'a model named "second" exists')
    with suite.check("hud models fork --if-not-exists: a name that is taken", MODELS, (FORK, 409)):
        found = hud("fork", "hudrl/nano", "-n", "second", "-y", "--if-not-exists", "--json").json()
        equal((found["id"], found["existed"]), (made["id"], True), "id, existed")
    with suite.check("hud models fork: an unknown source", MODELS):
        hud("fork", "hudrl/nan", "-n", "x", "-y").fails(2, "Model 'hudrl/nan' not found", "Did you mean: hudrl/nano")
    with suite.check("hud models fork: a name that no model may have", MODELS, (FORK, 422)):
        hud("fork", "hudrl/nano", "-n", "", "-y").fails(1, "name")
    with suite.check("hud models list", MODELS):
        hud("list").shows("Available Models", "hudrl/nano", "Interop Fork", "openai_compatible", "✓", f"Gateway: {suite.url}")
    with suite.check("hud models list --quiet", MODELS):
        names = set(hud("list", "-q").well().out.split())
        equal(names, {"hudrl/nano", "hudrl/mini", "interop-fork", "second", *NAMES}, "names")
    with suite.check("hud models list: its report of use is taken and dropped", MODELS, EVENTS):
        hud("list", HUD_CLI_ANALYTICS_ENABLED="1").well()
    with suite.check("hud models list: a wrong key", (MODELS, 401)):
        hud("list", HUD_API_KEY="wrong").fails(1, "missing or invalid API key", "Hint: Check that this API key can access the resource.")
    with suite.check("hud models checkpoints: a model without any", MODELS, CHECKPOINTS):
        hud("checkpoints", "interop").shows("No checkpoints yet — this model serves its base weights")
    with suite.check("hud models head: base weights", MODELS, CHECKPOINTS):
        hud("head", "interop").shows("No active checkpoint — this model serves its base weights")
    return ids


def trees(suite, ids):
    """Tries checkpoints and head on a model that has been trained."""
    model = ids["interop"]

    def hud(*args, **env):
        return Ran(suite, ["models", *args], **env)

    tree = []
    with suite.check("hud models checkpoints --json", MODELS, CHECKPOINTS):
        tree = hud("checkpoints", "interop", "--json").json()
        want(len(tree) >= 2, f"got {len(tree)} checkpoints, want the steps that the checks before this one made")
        equal([c["is_active"] for c in tree].count(True), 1, "active checkpoints")
        for i, c in enumerate(tree):
            want(c["prev_model_checkpoint_id"] in {None, *(b["id"] for b in tree[:i])}, f"{c['name']}: want its parent before it")
        equal([c["created_at"] for c in tree], sorted(c["created_at"] for c in tree), "times, oldest first")
    with suite.check("hud models checkpoints", MODELS, CHECKPOINTS):
        hud("checkpoints", "interop").shows(
            "Checkpoints", "▶", tree[0]["name"], tree[-1]["name"], f"{tree[0]['mean_reward']:.3f}", f"{model}?tab=checkpoints")
    with suite.check("hud models checkpoints --quiet: by id", MODELS, CHECKPOINTS):
        equal(hud("checkpoints", model, "--quiet").well().out.split(), [c["id"] for c in tree], "ids")
    with suite.check("hud models head --json", MODELS, CHECKPOINTS):
        head = hud("head", "interop", "--json").json()
        equal((head["model_id"], head["head"]["id"]), (model, next(c["id"] for c in tree if c["is_active"])), "the head")
    with suite.check("hud models head --set --dry-run", MODELS):
        plan = hud("head", "interop", "--set", tree[0]["id"], "--dry-run", "--json").json()
        equal(plan["checkpoint_id"], tree[0]["id"], "the plan")
    with suite.check("hud models head --set: asks for --yes where nobody can answer", MODELS):
        hud("head", "interop", "--set", tree[0]["id"]).fails(2, "--yes")
    with suite.check("hud models head --set", MODELS, HEAD):
        hud("head", "interop", "--set", tree[0]["id"], "--yes").shows("Head set to " + tree[0]["id"])
    with suite.check("hud models head", MODELS, CHECKPOINTS):
        first = tree[0]
        hud("head", "interop").shows(
            "HEAD " + first["name"], "sampler: " + first["checkpoint_name"], f"loss: {first['loss_fn']}", f"traces: {first['num_traces']}")
    with suite.check("hud models head --set: an unknown checkpoint", MODELS, (HEAD, 404)):
        hud("head", "interop", "--set", NOBODY, "-y").fails(1, NOBODY, "Hint: Check the resource id")
    with suite.check("hud models checkpoints: an unknown model", MODELS):
        hud("checkpoints", "interup").fails(2, "Model 'interup' not found", "Did you mean: interop")
    with suite.check("hud models list: more models than a page has", [FORK] * 100, [MODELS] * 2):
        platform = PlatformClient.from_settings()
        made = {platform.post("/models/fork", json={"source_model_id": model, "name": f"page {i}"})["model_name"] for i in range(100)}
        want(made < set(hud("list", "--quiet").well().out.split()) and len(made) == 100, f"want every one of {sorted(made)} in the list")


def complete(suite):
    """Every command of hud models, with every option it has."""
    with suite.check("hud models: every command and option was used"):
        ran = [args[1:] for args in suite.commands]
        missing = []
        for name, command in typer.main.get_group(models_app).commands.items():
            given = {word for args in ran if args[0] == name for word in args}
            if not any(args[0] == name for args in ran):
                missing.append(name)
            missing += [f"{name} {p.opts[0]}" for p in command.params
                        if p.param_type_name == "option" and p.name != "help" and not given & set(p.opts)]
        want(not missing, f"hud models has what nothing here uses: {', '.join(missing)}")
