package tests

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// measured logs before, within and after two loops, and is stopped in the
// second one's fourth step when it is told how: before the step is sent, or
// after.
const measured = `
local hud = require "hud"
local trainer, run = hud.TrainingClient("fake/bigram"), hud.metrics.run()
local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
run:log{ step = 0, before = 1 }
for step in hud.steps(3) do
  run:log{ warm = step }
  trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
end
for step in hud.steps(6) do
  run:log{ step = 3 + step, rollout = step }
  if ... == "before" and step == 4 then error("stopped") end
  local r = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
  run:log{ step = 3 + step, train = { at = r.step } }
  if ... == "after" and step == 4 then error("stopped") end
end
run:log{ step = 10, last = 1 }
`

// However a run is interrupted, its file ends as that of one that nobody
// disturbed.
func TestMetricsGoOn(t *testing.T) {
	t.Parallel()
	seconds := regexp.MustCompile(`"_seconds":[0-9.e-]+`)
	file := func(t *testing.T, dir string) string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "*", "metrics.jsonl"))
		if err != nil || len(names) != 1 {
			t.Fatalf("got %v, %v, want one file", names, err)
		}
		text, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		return seconds.ReplaceAllString(string(text), `"_seconds":0`)
	}
	run := func(t *testing.T, server, dir string, code int, args ...string) {
		t.Helper()
		program{dir: dir}.run(t, append([]string{"run", "--data", "d", "--service", server}, args...)...).want(t, code, nil, nil)
	}
	script := func(t *testing.T) (server, dir string) {
		t.Helper()
		s := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
		t.Cleanup(s.Close)
		dir = t.TempDir()
		write(t, dir, "train.lua", measured)
		return s.URL, dir
	}

	server, dir := script(t)
	run(t, server, dir, 0, "train.lua")
	want := file(t, filepath.Join(dir, "d", "runs"))
	if strings.Count(want, "\n") != 1+3+12+1 || !strings.HasPrefix(want, `{"step":0,"_seconds":0,"before":1}`+"\n"+`{"step":1,"_seconds":0,"_at":[1,1],"warm":1}`) {
		t.Fatalf("got\n%s", want)
	}
	for _, how := range []string{"before", "after"} {
		for _, flags := range [][]string{nil, {"--metrics", "m"}} {
			t.Run(strings.Join(append([]string{how}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				server, dir := script(t)
				at := filepath.Join(dir, "d", "runs")
				if flags != nil {
					at = filepath.Join(dir, "m")
				}
				run(t, server, dir, 1, append(flags, "train.lua", how)...)
				if cut := file(t, at); !strings.HasPrefix(want, cut) || cut == want {
					t.Errorf("got\n%s", cut)
				}
				run(t, server, dir, 0, append(append(flags, "--resume"), "train.lua")...)
				if got := file(t, at); got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			})
		}
	}
}
