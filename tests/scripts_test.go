package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// shipped is a script of scripts/ as the command line takes it.
func shipped(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runScript runs a shipped script on its own data directory, or on data.
func runScript(t *testing.T, data, name string, args ...string) result {
	t.Helper()
	if data == "" {
		data = t.TempDir()
	}
	return program{}.run(t, append([]string{"run", "--data", data, shipped(t, name)}, args...)...)
}

// match fails unless the whole output is what the pattern says.
func (r result) match(t *testing.T, pattern string) []string {
	t.Helper()
	m := regexp.MustCompile(`\A(?:` + pattern + `)\z`).FindStringSubmatch(r.out)
	if r.code != 0 || m == nil {
		t.Fatalf("got exit %d\nstdout:\n%s\nstderr:\n%s\nwant %s", r.code, r.out, r.err, pattern)
	}
	return m[1:]
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// share is a number between 0 and 1 with three decimals.
const share = `(?:0\.\d{3}|1\.000)`

// Each script at small size: what it prints, line by line.
func TestScripts(t *testing.T) {
	t.Parallel()
	none := `no spread in step \d+ \(reward ` + share + `\): nothing to learn from it\n|`
	for _, c := range []struct {
		name, args, want string
		check            func(t *testing.T, groups []string)
	}{
		{name: "simple_train.lua", args: "--steps 3 --prompts 4 --group 4",
			want: `(?:` + none + `step \d+: reward ` + share + `, loss -?\d+\.\d+, .+\n){3}`},
		{name: "custom_loss.lua", args: "--steps 3 --prompts 4 --group 4",
			want: `(?:step \d+: reward ` + share + `(?:, .*\d+ tokens trained, \d+ masked| in every rollout .+)\n){3}`},
		{name: "low_level.lua", args: "--learning_rate 1e-4",
			want: `(?s)steps 1 and 2 .+\nhead is back at step-0001\nstep 3 .+\n {2}step-0001 .+\n {2}step-0002 .+\n▶ step-0003 .+\n`},
		{name: "sft.lua", args: "--steps 15 --batch 16 --held_out 20",
			want: `held-out nll (\d+\.\d{4}) before\n(?:step +\d+ +train nll \d+\.\d{4}\n){3}held-out nll (\d+\.\d{4}) after, \d+% lower\n`,
			check: func(t *testing.T, g []string) {
				if before, after := parse(t, g[0]), parse(t, g[1]); !(after <= 0.8*before) {
					t.Errorf("held-out nll: got %v, then %v, want a fall by at least 20 %%", before, after)
				}
			}},
		{name: "finetune.lua", args: "--epochs 1 --batch 32",
			want: `(?s)step     1  epoch      1  nll  \d\.\d+  learning_rate .*step     5 .*mean nll.*160 records, 5 steps: hudrl chat finetune "Triple 1\."\n`},
		{name: "reverse.lua", args: "--steps 10 --prompts 4 --group 4 --exam 10 --letters 4",
			want: `(?s).*before\n.*step +10 .+` + share + `\n.*before, ` + share + ` after\n`},
		{name: "selfplay.lua", args: "--steps 5 --games 4 --exam 6 --pile 6",
			want: `(?s).*step +5 .+the trained side wins [0-6] of 6 games against its frozen start\n`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			groups := runScript(t, "", c.name, strings.Fields(c.args)...).match(t, c.want)
			if c.check != nil {
				c.check(t, groups)
			}
		})
	}
}

// timing are the columns of the quickstart that no seed decides.
var timing = regexp.MustCompile(`(?m)^( *\d+  [01]\.\d{3}  .*\d+\.\d{6}) +\d+ +\d+\.\d{2}$`)

// The quickstart: its first line, a table, a chart, accuracies, the head; the
// same seed gives the same numbers, another one others.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	args := []string{"--steps", "6", "--prompts", "4", "--group", "4", "--exam", "10"}
	first := runScript(t, "", "quickstart.lua", args...)
	first.match(t, `(?s)training quickstart, a fork of hudrl/mini\nstep  reward .+seconds\n(?: *\d+  `+share+`  [█▉▊▋▌▍▎▏ ]{20}  .+\n)+`+
		`.+mean reward by step\nheld-out accuracy: `+share+` before, `+share+` after\nhead step-\d{4}, mean reward .+\nnext: .+\n`)
	if !timing.MatchString(first.out) {
		t.Fatalf("no step's line in\n%s", first.out)
	}
	ids := regexp.MustCompile(`, id [0-9a-f-]{36}`) // random, whatever the seed
	numbers := func(r result) string { return ids.ReplaceAllString(timing.ReplaceAllString(r.out, "$1"), "") }
	again := runScript(t, "", "quickstart.lua", args...)
	if x, y := numbers(first), numbers(again); x != y {
		t.Errorf("the same seed: got\n%s\nthen\n%s", x, y)
	}
	other := program{}.run(t, append([]string{"run", "--seed", "2", "--data", t.TempDir(), shipped(t, "quickstart.lua")}, args...)...)
	if numbers(first) == numbers(other) {
		t.Errorf("another seed gave the same numbers:\n%s", other.out)
	}
}

// pretrain makes steps on a model of any shape, and goes on where it stopped.
func TestPretrain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Close()
	step := func(n int) string {
		return ` *step +` + strconv.Itoa(n) + `  nll (\d+\.\d{4})  lr \d\.\d\de-\d\d  grad .+ s\n`
	}
	r := runScript(t, l.Dir(), "pretrain.lua", "--model", "tiny", "--steps", "12", "--batch", "8", "--warmup", "3", "--learning_rate", "1e-2")
	g := r.match(t, step(1)+step(12))
	if x, y := parse(t, g[0]), parse(t, g[1]); !(y < x-0.5) {
		t.Errorf("nll: got %v, then %v, want it to fall", x, y)
	}
	runScript(t, l.Dir(), "pretrain.lua", "--model", "tiny", "--steps", "13", "--batch", "8", "--warmup", "3").match(t, step(13))
	runScript(t, l.Dir(), "pretrain.lua", "--steps", "1").want(t, 1, nil, []string{"--model is missing", "hudrl models create NAME"})
}

// A quickstart in which nothing can be learned says so, and one that cannot
// begin leaves no model behind.
func TestQuickstartWithoutSteps(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"--prompts", "2", "--exam", "4", "--group", "1"}
	runScript(t, data, "quickstart.lua", append(args, "--steps", "0")...).want(t, 1, nil, []string{"linear: steps: got 0, want at least 1"})
	runScript(t, data, "quickstart.lua", append(args, "--steps", "1")...).match(t,
		`training quickstart, a fork of hudrl/mini\nstep .*\n   1  `+share+`  nothing to learn: .*\n`+
			`held-out accuracy: (`+share+`) before, `+share+` after\nno step was taken\nnext: .*\n`)
}

// The Go program that embeds the runtime.
func TestEmbed(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./scripts/embed", "-steps", "2")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	want := regexp.MustCompile(`(?s)step 1  reward ` + share + `\nstep 2  reward ` + share + `\n.*reward ` + share + ` in the first step, ` + share + ` in the last\n`)
	if err != nil || !want.Match(out) {
		t.Fatalf("got %v\n%s\nwant %s", err, out, want)
	}
}

// Scripts are to be read: they have a length, a first line that says what they
// do, and flags that --help shows.
func TestScriptsAreShort(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../scripts/*.lua")
	if err != nil || len(names) < 8 {
		t.Fatalf("got %q, %v, want the scripts", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		most := 120
		if filepath.Base(name) == "quickstart.lua" {
			most = 51
		}
		if n := strings.Count(string(text), "\n"); n >= most {
			t.Errorf("%s: got %d lines, want under %d", name, n, most)
		}
		if !strings.HasPrefix(string(text), "-- ") {
			t.Errorf("%s: want a comment first", name)
		}
		runScript(t, "", filepath.Base(name), "--help").want(t, 0, []string{"usage: hudrl run ", "(default "}, nil)
	}
}

// A file of one's own, in batches, from wherever the script is run.
func TestFinetuneFile(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "train.jsonl", strings.Repeat("{\"prompt\": \"ping\", \"answer\": \"pong\"}\n", 9))
	r := p.run(t, "run", "--data", "d", "--seed", "1", shipped(t, "finetune.lua"), "--file", "train.jsonl", "--model", "hudrl/nano", "--epochs", "2", "--batch", "4")
	r.want(t, 0, []string{"step     6  epoch      2", `9 records, 6 steps: hudrl chat finetune "ping"`}, []string{"metrics are in "})
	write(t, p.dir, "train.jsonl", "{\"prompt\": \"ping\"\n")
	p.run(t, "run", "--data", "d", shipped(t, "finetune.lua"), "--file", "train.jsonl").want(t, 1, nil, []string{"dataset: train.jsonl:1: column 18: got the end in an object, want , or }"})
}
