package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A shelf is a service with one model, whose tree is what a test says.
type shelf struct {
	*hudtest.Fake
	tree []hud.Checkpoint
}

func (s *shelf) Checkpoints(context.Context, string) ([]hud.Checkpoint, error) { return s.tree, nil }

// node is a checkpoint of a step, made in that order.
func node(step int, parent string, more ...func(*hud.Checkpoint)) hud.Checkpoint {
	c := hud.Checkpoint{
		ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", step), Name: fmt.Sprintf("step-%04d", step), Step: step,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, step, 0, time.UTC),
	}
	if parent != "" {
		c.PrevModelCheckpointID = parent + "-0000-4000-8000-000000000000"
	}
	for _, f := range more {
		f(&c)
	}
	return c
}

// The trees are drawn by hand from what the parents say.
func TestCheckpointTree(t *testing.T) {
	t.Parallel()
	head := func(c *hud.Checkpoint) { c.IsActive = true }
	full := func(c *hud.Checkpoint) {
		c.MeanReward, c.LearningRate, c.NumTraces, c.LossFn = new(0.5), new(5e-4), new(128), "ppo"
	}
	bare := func(c *hud.Checkpoint) {
		c.Name, c.Step, c.CreatedAt = "", 0, time.Time{}
	}
	for _, tt := range []struct {
		name string
		tree []hud.Checkpoint
		want string
	}{
		{"a line", []hud.Checkpoint{node(1, "", full), node(2, "00000001", head)}, `
   NAME       STEP  REWARD  LOSS      LR  TRACES  CREATED              ID
   step-0001     1   0.500  ppo   0.0005     128  2026-01-02T03:04:01  00000001
▶  step-0002     2       -  -          -       -  2026-01-02T03:04:02  00000002
`},
		{"branches beside the way to the head", []hud.Checkpoint{
			node(1, ""), node(2, "00000001"), node(3, "00000002"), node(4, "00000003"), node(5, "00000002"), node(6, "00000002"), node(7, "00000005", head), node(8, "00000004"), node(9, "00000003"),
		}, `
   NAME             STEP  REWARD  LOSS  LR  TRACES  CREATED              ID
   step-0001           1       -  -      -       -  2026-01-02T03:04:01  00000001
   step-0002           2       -  -      -       -  2026-01-02T03:04:02  00000002
   ├─ step-0003        3       -  -      -       -  2026-01-02T03:04:03  00000003
   │  ├─ step-0004     4       -  -      -       -  2026-01-02T03:04:04  00000004
   │  │  step-0008     8       -  -      -       -  2026-01-02T03:04:08  00000008
   │  step-0009        9       -  -      -       -  2026-01-02T03:04:09  00000009
   ├─ step-0006        6       -  -      -       -  2026-01-02T03:04:06  00000006
   step-0005           5       -  -      -       -  2026-01-02T03:04:05  00000005
▶  step-0007           7       -  -      -       -  2026-01-02T03:04:07  00000007
`},
		{"the head in the middle", []hud.Checkpoint{node(1, ""), node(2, "00000001", head), node(3, "00000002")}, `
   NAME       STEP  REWARD  LOSS  LR  TRACES  CREATED              ID
   step-0001     1       -  -      -       -  2026-01-02T03:04:01  00000001
▶  step-0002     2       -  -      -       -  2026-01-02T03:04:02  00000002
   step-0003     3       -  -      -       -  2026-01-02T03:04:03  00000003
`},
		{"no head, out of order, a parent that is not there", []hud.Checkpoint{node(2, "00000001"), node(1, "00000009", bare)}, `
   NAME          STEP  REWARD  LOSS  LR  TRACES  CREATED              ID
▶  base weights
   00000001         -       -  -      -       -  -                    00000001
   step-0002        2       -  -      -       -  2026-01-02T03:04:02  00000002
`},
		{"two beginnings", []hud.Checkpoint{node(1, ""), node(2, "", head)}, `
   NAME          STEP  REWARD  LOSS  LR  TRACES  CREATED              ID
   base weights
   ├─ step-0001     1       -  -      -       -  2026-01-02T03:04:01  00000001
▶  step-0002        2       -  -      -       -  2026-01-02T03:04:02  00000002
`},
		{"circles", []hud.Checkpoint{node(1, "00000003"), node(2, "00000001"), node(3, "00000002", head), node(4, "00000004")}, `
   NAME       STEP  REWARD  LOSS  LR  TRACES  CREATED              ID
   step-0004     4       -  -      -       -  2026-01-02T03:04:04  00000004
   step-0001     1       -  -      -       -  2026-01-02T03:04:01  00000001
   step-0002     2       -  -      -       -  2026-01-02T03:04:02  00000002
▶  step-0003     3       -  -      -       -  2026-01-02T03:04:03  00000003
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(serve.Handler(&shelf{hudtest.NewFake(), tt.tree}, serve.Options{}))
			defer server.Close()
			r := program{env: map[string]string{"HUD_API_KEY": "none"}}.run(t, "models", "checkpoints", hudtest.FakeModel, "--service", server.URL)
			r.want(t, 0, nil, nil)
			if r.out != tt.want[1:] {
				t.Errorf("got\n%swant\n%s", r.out, tt.want[1:])
			}
		})
	}
}

// HUD's own service is addressed and shown as HUD's command line does: with a
// key, and with links to its pages.
func TestModelsOfHUD(t *testing.T) {
	t.Parallel()
	const model = `{"id":"0f3d1e2c-0000-4000-8000-000000000001","name":null,"model_name":"team-model","is_trainable":true,"sdk_agent_type":"openai_compatible","provider":{"name":"HUD"}}`
	const checkpoint = `{"id":"abcdef01-2345","name":null,"checkpoint_name":"tinker://x","is_active":true,"created_at":"2026-01-02T03:04:05.678Z","num_traces":8,"mean_reward":0.25,"loss_fn":"ppo","metrics":{},"learning_rate":1e-5,"jobs":[]}`
	status := http.StatusOK
	mux := http.NewServeMux()
	answer := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if status != http.StatusOK {
				body = `{"detail":"your plan has ended"}`
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	answer("GET /v2/models", `{"items":[`+model+`]}`)
	answer("POST /v2/models/fork", model)
	answer("GET /v2/models/{id}/checkpoints", "["+checkpoint+"]")
	answer("PUT /v2/models/{id}/head", "{}")
	mux.HandleFunc("GET /v2/models/resolve", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("model") != "team-model" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"detail":"Model not found"}`)
			return
		}
		fmt.Fprint(w, model)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	run := func(args ...string) result {
		t.Helper()
		return program{env: map[string]string{"HUD_API_KEY": "hud-k", "HUD_API_URL": server.URL, "HUD_WEB_URL": "https://web.test/"}}.run(t, append(args, "--service", "hud")...)
	}
	run("models", "list").want(t, 0, []string{"team-model", "✓", "Gateway: https://inference.hud.ai\n", "View a model in the browser: https://web.test/models/<id>\n"}, nil)
	r := run("models", "list", "--json")
	var got, want any
	if json.Unmarshal([]byte(r.out), &got) != nil || json.Unmarshal([]byte("["+model+"]"), &want) != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %s, want [%s]", r.out, model)
	}
	run("models", "fork", "team-model", "-n", "mine").want(t, 0, []string{"Forked ", "slug: team-model\n", "View: https://web.test/models/0f3d1e2c-0000-4000-8000-000000000001\n"}, nil)
	run("models", "checkpoints", "team-model").want(t, 0, []string{"▶  abcdef01", "0.250", "ppo", "1e-05", "2026-01-02T03:04:05", "View: https://web.test/models/0f3d1e2c-0000-4000-8000-000000000001?tab=checkpoints\n"}, nil)
	run("models", "head", "team-model").want(t, 0, []string{"abcdef01\n", "sampler: tinker://x\n", "reward:  0.250\n", "loss:    ppo\n", "lr:      1e-05\n", "traces:  8\n", "created: 2026-01-02T03:04:05\n"}, nil)
	run("models", "head", "team-model", "--set", "abcdef01", "--json").want(t, 0, []string{"Head set to abcdef01-2345\n"}, nil)
	run("models", "checkpoints", "team-modle").want(t, 1, nil, []string{"error: resolve: Model not found\n", `hint: did you mean "team-model"?`})
	for _, command := range [][]string{{"gc"}, {"rm", "team-model", "--yes"}, {"import", ".", "--name", "x"}, {"export", "team-model", "x"}, {"create", "x", "--shape", "nano"}} {
		run(append([]string{"models"}, command...)...).want(t, 2, nil, []string{"hudrl models " + command[0] + ": only the embedded service can do this", "hint: want --service local"})
	}
	status = http.StatusBadRequest
	run("models", "list").want(t, 1, nil, []string{"error: Failed to fetch models: your plan has ended"})
	run("models", "checkpoints", "team-model").want(t, 1, nil, []string{"error: Failed to fetch checkpoints: your plan has ended"})
	run("models", "fork", "team-model", "--name", "x").want(t, 1, nil, []string{"error: Fork failed: your plan has ended"})
	for _, args := range [][]string{{"list", "list models"}, {"fork", "fork models", "team-model", "--name", "x"}, {"head", "use team-model", "team-model"}} {
		program{}.run(t, append([]string{"models", args[0], "--service", "hud"}, args[2:]...)...).want(t, 4, nil,
			[]string{"error: No HUD API key found: a HUD API key is required to " + args[1] + "\n", "hint: set HUD_API_KEY=your-key-here"})
	}
}

// A model goes to another machine and comes back with every bit, and is
// removed when somebody says so.
func TestImportExportRemove(t *testing.T) {
	t.Parallel()
	here := program{dir: t.TempDir(), env: map[string]string{"HUDRL_HOME": "here"}}
	there := program{dir: here.dir, env: map[string]string{"HUDRL_HOME": "there"}}
	here.run(t, "models", "create", "mine", "--shape", "nano", "--seed", "3").want(t, 0, nil, nil)
	here.run(t, "run", "--keep", "all", "-e", `
		local hud = require "hud"
		local payload = hud.sft{ { role = "user", content = "a" }, { role = "assistant", content = "b" } }
		local trainer = hud.TrainingClient("mine")
		local first = trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })
		trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })
		trainer:set_head(first.checkpoint_id)
		trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 2e-4 })`).want(t, 0, nil, nil)
	here.run(t, "models", "checkpoints", "mine").want(t, 0, []string{"   step-0001 ", "├─ step-0002", "▶  step-0003"}, nil)
	here.run(t, "models", "export", "mine", "a").want(t, 0, []string{"Exported mine"}, nil)
	there.run(t, "models", "import", "a", "--name", "Theirs").want(t, 0, []string{"Imported Theirs\n", "slug: theirs\n", `hud.TrainingClient("theirs")`}, nil)
	there.run(t, "models", "export", "theirs", "b", "--json").want(t, 0, []string{`"model": "theirs"`}, nil)
	for _, name := range []string{"model.safetensors", "config.json"} {
		a, err := os.ReadFile(filepath.Join(here.dir, "a", name))
		b, errB := os.ReadFile(filepath.Join(here.dir, "b", name))
		if err != nil || errB != nil || len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s came back different: %d and %d bytes, %v, %v", name, len(a), len(b), err, errB)
		}
	}
	ask := []string{"chat", "--temperature", "0", "--max-tokens", "5", "mine", "hi"}
	x := here.run(t, ask...)
	ask[5] = "theirs"
	if y := there.run(t, ask...); x.code != 0 || y.out != x.out {
		t.Errorf("got %q and %q, want one answer", x.out, y.out)
	}
	there.run(t, "models", "import", "a").want(t, 2, nil, []string{"missing --name"})
	there.run(t, "models", "import", "--name", "x").want(t, 2, nil, []string{"missing PATH"})
	there.run(t, "models", "import", "nowhere", "--name", "x").want(t, 1, nil, []string{"error: Import failed: cannot read ", "no such file", "hint: want a directory as"})
	write(t, here.dir, "a/model.safetensors", "nothing of the kind")
	there.run(t, "models", "import", "a", "--name", "x").want(t, 1, nil, []string{"error: Import failed: " + filepath.Join(here.dir, "a", "model.safetensors") + ": header does not fit the file"})

	here.run(t, "models", "fork", "mine/step-0002", "--name", "branch").want(t, 0, nil, nil)
	here.run(t, "models", "rm", "mine").want(t, 2, nil, []string{"Remove mine and its 3 checkpoints for good? nobody is there to ask", "hint: --yes says so"})
	here.run(t, "models", "rm", "mine", "--yes").want(t, 1, nil, []string{"error: rm failed: models were forked from it: branch", "hint: remove the forks first"})
	here.run(t, "models", "rm", "hudrl/mini", "--yes").want(t, 1, nil, []string{"is a base model"})
	here.run(t, "models", "rm", "mime", "--yes").want(t, 1, nil, []string{`hint: did you mean "mine"?`})
	for answer, out := range map[string]string{"": "", "n": "", "what": "", " Y ": "Removed branch and its 0 checkpoints\n"} {
		typed := &typist{lines: []string{answer}}
		if answer == "" {
			typed.lines = nil // the end of the input
		}
		p := here
		p.terminal = typed
		r := p.run(t, "models", "rm", "branch")
		r.want(t, 0, []string{out}, nil)
		if (out == "") != strings.Contains(r.err, "Nothing was removed") {
			t.Errorf("%q: got %q and %q", answer, r.out, r.err)
		}
		if out != "" {
			here.run(t, "models", "fork", "mine/step-0002", "--name", "branch").want(t, 0, nil, nil)
		}
	}
	here.run(t, "models", "rm", "branch", "-y", "--json").want(t, 0, []string{`"model_name": "branch"`, `"checkpoints": 0`}, nil)
	here.run(t, "models", "rm", "mine", "-y").want(t, 0, []string{"Removed mine and its 3 checkpoints\n"}, nil)
	here.run(t, "models", "list").want(t, 0, []string{"hudrl/mini"}, nil)
	here.run(t, "models", "head", "mine").want(t, 1, nil, []string{`model "mine" not found`})
	here.run(t, "models", "gc").want(t, 0, []string{"Removed 0 files"}, nil) // younger than an hour
}

// The commands that every service has say the same in process and over HTTP.
func TestModelsAreTheSameOverHTTP(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	program{}.run(t, "run", "--data", data, "-e", `
		local hud = require "hud"
		hud.models.fork("hudrl/nano", "mine")
		local payload = hud.sft{ { role = "user", content = "a" }, { role = "assistant", content = "b" } }
		local trainer = hud.TrainingClient("mine")
		local first = trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })
		trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })
		trainer:set_head(first.checkpoint_id)
		trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })`).want(t, 0, nil, nil)
	svc, err := local.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	server := httptest.NewServer(serve.Handler(svc, serve.Options{}))
	defer server.Close()
	id := regexp.MustCompile(`(?m)^(id: +)\S+$`)
	for _, args := range [][]string{
		{"list"}, {"list", "--json"}, {"checkpoints", "mine"}, {"checkpoints", "mine", "--json"}, {"checkpoints", "hudrl/mini"}, {"checkpoints", "hudrl/mini", "--json"},
		{"head", "mine"}, {"head", "mine", "--json"}, {"head", "hudrl/mini"}, {"head", "hudrl/mini", "--json"}, {"head", "mine", "--set", "step-0001"}, {"head", "mine", "--set", "step-0009"},
		{"head", "mime"}, {"fork", "mime", "--name", "x"}, {"fork", "mine", "--name", ""}, {"fork", "mine", "--name", "--"},
	} {
		a := program{}.run(t, append([]string{"models", "--data", data}, args...)...)
		b := program{env: map[string]string{"HUD_API_KEY": "none"}}.run(t, append([]string{"models", "--service", server.URL}, args...)...)
		for _, r := range []*result{&a, &b} {
			r.out = regexp.MustCompile(`(?m)^(Data|Service): .*$`).ReplaceAllString(id.ReplaceAllString(r.out, "$1"), "")
			r.err = strings.ReplaceAll(r.err, "Model 'mime' not found. Run `hud models` to list available models.", `model "mime" not found`)
		}
		if a.code != b.code || a.out != b.out || a.err != b.err {
			t.Errorf("models %q: got\n%d %s%s\nin process and\n%d %s%s\nover HTTP", args, a.code, a.out, a.err, b.code, b.out, b.err)
		}
	}
}
