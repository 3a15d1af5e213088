package tests

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// fromData trains on three iterators at once: shuffled lines that make the
// steps, lines of two files as they stand, and a shuffled list.
const fromData = `
local hud = require "hud"
local trainer = hud.TrainingClient("fake/bigram")
local letters = hud.dataset({ "a", "b", "c", "d", "e" }, { shuffle = true }):batches(2, { steps = 1000 })
local plain = hud.dataset("plain-*.jsonl"):batches(3, { epochs = 100 })
for step, batch, epoch in hud.steps(hud.dataset("sums.jsonl", { shuffle = true }):batches(3, { epochs = 3 })) do
  local seen, more, payloads = {}, plain(), {}
  for i, r in ipairs(batch) do
    seen[i] = r.n
    payloads[i] = { samples = { { prompt_token_ids = { 1 }, output_token_ids = { r.n }, output_logprobs = { -1 } } }, reward = 1 }
  end
  print(("step %d epoch %d: %s | %s %s | %s"):format(step, epoch, table.concat(seen, " "), more[1].n, more[#more].n, table.concat(letters())))
  trainer:step(payloads, { learning_rate = 0.1, loss_fn = "cross_entropy" })
end
`

// A run that is killed in the middle of an epoch, again and again, sees batch
// for batch what one sees that nobody disturbs.
func TestDatasetGoesOn(t *testing.T) {
	t.Parallel()
	lines := func(t *testing.T, killedAfter ...string) (map[string]bool, string) {
		t.Helper()
		server := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
		defer server.Close()
		dir := t.TempDir()
		var sums, plain strings.Builder
		for i := range 10 {
			fmt.Fprintf(&sums, "{\"n\": %d}\n", i)
			fmt.Fprintf(&plain, "{\"n\": %d}\r\n\n", 100+i)
		}
		write(t, dir, "sums.jsonl", sums.String())
		write(t, dir, "plain-1.jsonl", plain.String())
		write(t, dir, "plain-2.jsonl", "{\"n\": 110}")
		write(t, dir, "train.lua", fromData)
		seen := map[string]bool{}
		for i := range len(killedAfter) + 1 {
			args := []string{"run", "--seed", "5", "--data", "data", "--service", server.URL, "train.lua"}
			if i > 0 {
				args = append([]string{"run", "--resume", "--data", "data", "--service", server.URL}, "train.lua")
			}
			cmd := hudrl(t, dir, args...)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			in, killed := bufio.NewScanner(out), false
			for in.Scan() {
				seen[in.Text()] = true
				if i < len(killedAfter) && strings.HasPrefix(in.Text(), "step "+killedAfter[i]+" ") {
					killed = true
					cmd.Process.Kill()
				}
			}
			if err := cmd.Wait(); err != nil && !killed {
				t.Fatal(err)
			}
		}
		return seen, dir
	}
	straight, _ := lines(t)
	if len(straight) != 12 { // 4 batches, 3 epochs
		t.Fatalf("got %v, want 12 steps", straight)
	}
	resumed, _ := lines(t, "2", "6", "7", "11")
	for line := range resumed {
		if !straight[line] {
			t.Errorf("a resumed run saw %q", line)
		}
	}
	if len(resumed) != len(straight) {
		t.Errorf("got %d different steps, want %d", len(resumed), len(straight))
	}
}

// Another file, or another batch size, is no data to go on with.
func TestDatasetChangedMeanwhile(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
	defer server.Close()
	dir := t.TempDir()
	script := `local hud = require "hud"
local trainer, n = hud.TrainingClient("fake/bigram"), tonumber((...))
for step, batch in hud.steps(hud.dataset("n.jsonl"):batches(n)) do
  if step == 3 and n == 1 then error("stopped") end
  trainer:step({ { samples = { { prompt_token_ids = { 1 }, output_token_ids = { batch[1] }, output_logprobs = { -1 } } }, reward = 1 } }, { learning_rate = 0.1, loss_fn = "cross_entropy" })
end`
	write(t, dir, "train.lua", script)
	write(t, dir, "n.jsonl", "1\n2\n3\n4\n5\n6\n")
	run := func(args ...string) result {
		t.Helper()
		return program{dir: dir}.run(t, append([]string{"run", "--data", "d", "--service", server.URL}, args...)...)
	}
	run("train.lua", "1").want(t, 1, nil, []string{"stopped"})
	run("--resume", "train.lua", "2").want(t, 1, nil, []string{
		"dataset: n.jsonl: got 12 bytes, batches of 2, and the interrupted run had 12 bytes, batches of 1", "hint: go on with the same data"})
	write(t, dir, "n.jsonl", "1\n2\n3\n4\n5\n6\n7\n")
	run("--resume", "train.lua", "1").want(t, 1, nil, []string{"got 14 bytes, batches of 1, and the interrupted run had 12 bytes"})
}

// A stop reaches a script that reads a large file.
func TestDatasetStops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "large.jsonl", strings.Repeat("1\n", 8<<20))
	for _, code := range []string{`#d`, `d[2]`, `d:batches(1e6, { steps = 1e6 })`, `hud.steps(d:batches(2))`} {
		program{dir: dir}.run(t, "run", "--timeout", "20ms", "-e", `hud = require "hud" d = hud.dataset("large.jsonl") x = `+code+` while type(x) == "userdata" do x() end`).
			want(t, 124, nil, []string{"time limit: used 20ms of 20ms"})
	}
}
