package tests

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// everything trains by every call there is and prints every number in full.
const everything = `
local hud = require "hud"
local function show(label, t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do
    local v = t[k]
    if type(v) == "table" then show(label .. "." .. k, v)
    elseif type(v) == "number" then print(label .. "." .. k, ("%.17g"):format(v))
    -- ids and times are made anew by each service
    elseif not tostring(k):find("id$") and k ~= "created_at" then print(label .. "." .. k, tostring(v)) end
  end
end
local function refused(label, f, ...)
  local ok, e = pcall(f, ...)
  print(label, ok, e.code, e.message, e.hint, e.status)
end

local m = hud.models.fork("hudrl/nano", "twin")
print(m.model_name, m.name, m.is_trainable, m.provider, #hud.models.list())
local trainer = hud.TrainingClient("twin")
show("losses", trainer:available_losses())
refused("nothing accumulated", trainer.optim_step, trainer, { learning_rate = 1e-3 })
refused("no such model", hud.models.resolve, "twim")
refused("no such checkpoint", trainer.set_head, trainer, "00000000-0000-4000-8000-000000000000")
refused("a base model", function() hud.TrainingClient("hudrl/nano"):forward_backward({ { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 } } }, reward = 1 } }, { loss_fn = "cross_entropy" }) end)
refused("an unknown setting", function() trainer:forward_backward({ { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }, { loss_fn_config = { hudtest = 1 } }) end)

local agent = hud.Agent("twin", { max_tokens = 6, temperature = 1 })
local taskset = hud.Taskset("sums", {
  { prompt = "What is 3 + 4?", grade = function(answer) return (answer:byte(-1) or 0) / 7 end },
  { run = function(agent)
      local first = agent:chat("What is 1 + 1?")
      return (agent:chat("And 1 more?").text:byte(-1) or 0) / 9 + (first.text:byte(1) or 0) / 11
    end },
})
local job = hud.Job.start("twins", { group = 4 })
for step = 1, 2 do
  local runs = taskset:run(agent, { job = job, seed = step, max_concurrent = 4 }).runs
  for i, run in ipairs(runs) do
    show("run." .. i, { reward = run.reward, status = run.status, samples = run.samples, messages = run.messages })
  end
  show("step." .. step, trainer:step(runs, { learning_rate = 1e-3, group_size = 4, loss_fn = "ppo", reward_scale = 1.5 }))
  show("custom." .. step, trainer:forward_backward_custom(runs, function(data, logprobs)
    local total = 0
    for i, d in ipairs(data) do
      total = total - ((logprobs[i] - d.sampling_logprobs):exp() * d.mask):sum() * d.advantage
    end
    return total, { datums = #data }
  end, { group_size = 4 }))
  show("optim." .. step, trainer:optim_step { learning_rate = 5e-4, weight_decay = 0.01 })
end
local runs = job.runs
local traces = {}
for i, run in ipairs(runs) do traces[i] = run.trace_id end
show("traces", trainer:forward_backward(traces, { group_size = 4 }))
local fwd = trainer:forward(runs, { group_size = 4 })
local weights = {}
for i, d in ipairs(fwd.data) do weights[i] = d.mask * (0.1 * i) end
show("backward", trainer:backward(fwd.forward_id, weights, { metrics = { mine = 1 / 3 } }))
refused("used", trainer.backward, trainer, fwd.forward_id, weights)
trainer:optim_step { learning_rate = 1e-3 }
show("checkpoints", trainer:checkpoints())
trainer:set_head(trainer:checkpoints()[2].id)
refused("discarded", trainer.optim_step, trainer, { learning_rate = 1e-3 })
show("chat", hud.chat { model = "twin", messages = { { role = "user", content = "What is 3 + 4?" } }, max_tokens = 8, seed = 9, n = 2 })
show("checkpoint", hud.chat { model = "twin", messages = { { role = "user", content = "hi <&> \226\130\172" } }, max_tokens = 8, seed = 9, checkpoint = trainer:checkpoints()[1].checkpoint_name })
`

// The same script gives the same numbers, to the last digit, with the embedded
// service in process and over HTTP.
func TestLocalAndHTTPAgree(t *testing.T) {
	t.Parallel()
	args := []string{"run", "--seed", "5", "-e", everything}
	want := program{}.run(t, args...)
	want.want(t, 0, []string{"step.2.forward_backward.metrics.loss:sum", "chat.sample.output_logprobs.1", "traces.metrics.loss:sum"}, nil)

	svc, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	server := httptest.NewServer(serve.Handler(svc, serve.Options{}))
	defer server.Close()
	got := program{}.run(t, append([]string{"run", "--service", server.URL}, args[1:]...)...)
	lines := func(out string) []string { // ids are random
		return strings.Split(regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(out, "ID"), "\n")
	}
	a, b := lines(want.out), lines(got.out)
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("line %d of %d and %d differs:\nlocal %s\nHTTP  %s\nstandard error: %s", i+1, len(a), len(b), at(a, i), at(b, i), got.err)
		}
	}
	if got.code != want.code || got.err != want.err {
		t.Errorf("got code %d and %q, want %d and %q", got.code, got.err, want.code, want.err)
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// A listener is a service that remembers which keys it was shown.
type listener struct {
	*httptest.Server
	mu   sync.Mutex
	keys []string
}

func newListener(t *testing.T) *listener {
	l := &listener{}
	service := serve.Handler(hudtest.NewFake(), serve.Options{})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		for _, values := range r.Header {
			l.keys = append(l.keys, values...)
		}
		l.keys = append(l.keys, r.URL.String())
		l.mu.Unlock()
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) shown(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.keys, "\n"), key)
}

func (l *listener) called() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.keys)
}

// An address that a script gives never sees the key of the user, and only
// what the user allows is reached at all.
func TestScriptsAddressNeverSeesTheKey(t *testing.T) {
	t.Parallel()
	const mine, theirs = "hud-key-of-the-user", "hud-key-of-the-script"
	host := newListener(t)
	for _, service := range []string{host.URL, "local"} {
		for _, options := range []string{`base_url = URL, api_url = URL`, `base_url = URL`, `api_url = URL`, `base_url = URL, api_url = URL, api_key = "` + theirs + `"`} {
			other := newListener(t)
			script := fmt.Sprintf(`local hud = require "hud"; local URL = %q
				local t = hud.TrainingClient("fake/bigram", { %s })
				for _, f in ipairs { t.available_losses, t.checkpoints } do pcall(f, t) end
				pcall(t.optim_step, t, { learning_rate = 1 })`, other.URL, options)
			env := map[string]string{"HUD_API_KEY": mine}
			address := strings.TrimPrefix(other.URL, "http://")

			r := program{env: env}.run(t, "run", "--service", service, "-e", script)
			r.want(t, 1, nil, []string{"this script may not reach " + address, "hint: --allow-net " + address})
			if other.called() > 0 {
				t.Errorf("%s, %s: a host that was not allowed was called", service, options)
			}

			r = program{env: env}.run(t, "run", "--service", service, "--allow-net", address, "-e", script)
			r.want(t, 0, nil, nil)
			if other.called() == 0 {
				t.Errorf("%s, %s: the address was never called: %s", service, options, r.err)
			}
			if other.shown(mine) {
				t.Errorf("%s, %s: the address was shown the user's key", service, options)
			}
			if strings.Contains(options, theirs) && !other.shown("Bearer "+theirs) {
				t.Errorf("%s, %s: the address was not shown the script's key", service, options)
			}
		}
	}
	// The user's own address is shown the user's key.
	program{env: map[string]string{"HUD_API_KEY": mine}}.run(t, "models", "list", "--service", host.URL).want(t, 0, []string{"fake/bigram", "Service: " + host.URL}, nil)
	if !host.shown("Bearer " + mine) {
		t.Error("the user's address was not shown the user's key")
	}
}

// The commands about models do the same over HTTP.
func TestModelsOverHTTP(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	server := httptest.NewServer(serve.Handler(fake, serve.Options{APIKey: "hud-k"}))
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, ".env", "HUD_API_KEY='hud-k' # mine\n")
	run := func(args ...string) result {
		t.Helper()
		return program{dir: dir, env: map[string]string{"HUDRL_SERVICE": server.URL + "/"}}.run(t, args...)
	}
	run("models", "fork", hudtest.FakeModel, "--name", "mine").want(t, 0, []string{"Forked mine", "slug: mine"}, nil)
	run("models", "checkpoints", "mine").want(t, 0, []string{"No checkpoints yet"}, nil)
	m, err := fake.Resolve(context.Background(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	in := []hud.TrainInput{{Payload: &hud.TrajectoryPayload{Samples: []hud.TrajectorySample{{PromptTokenIDs: []int{1}, OutputTokenIDs: []int{2}}}}}}
	for range 2 {
		if _, err := fake.ForwardBackward(context.Background(), m.ID, &hud.ForwardBackwardRequest{Inputs: in, LossFn: hud.LossCrossEntropy, RewardScale: 1, NumSubsteps: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := fake.OptimStep(context.Background(), m.ID, &hud.OptimStepRequest{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}); err != nil {
			t.Fatal(err)
		}
	}
	run("models", "checkpoints", "mine").want(t, 0, []string{"step-0001", "▶", "step-0002", "cross_entropy"}, nil)
	run("models", "head", "mine", "--set", "step-0001").want(t, 0, []string{"Head set to "}, nil)
	run("models", "head", "mine").want(t, 0, []string{"step-0001"}, nil)
	run("chat", "mine", "hi", "--max-tokens", "3", "--seed", "1").want(t, 0, []string{"\n"}, nil)
	wrong := program{env: map[string]string{"HUDRL_SERVICE": server.URL, "HUD_API_KEY": "hud-wrong-key"}}.run(t, "models", "list")
	wrong.want(t, 4, nil, []string{"missing or invalid API key", "hint: set HUD_API_KEY"})
	if strings.Contains(wrong.err+wrong.out, "hud-wrong-key") {
		t.Errorf("the key was printed: %s", wrong.err)
	}
}
