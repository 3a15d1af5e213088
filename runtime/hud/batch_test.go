package hud_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

const spreadText = "no GRPO group has any reward spread, so every advantage normalizes to zero and this pass accumulates no gradient. " +
	"Vary task difficulty until rollouts within a group disagree."

func TestSpreadWarning(t *testing.T) {
	t.Parallel()
	bare := func(group string, reward float64) *hud.Run {
		r := run(group, reward)
		r.Samples = nil // will be sent as its trace id
		return r
	}
	one, two := payload(1), payload(0)
	tests := []struct {
		name  string
		batch []hud.Item
		group *int
		loss  string
		warns bool
	}{
		{"all equal", []hud.Item{payload(1), payload(1)}, nil, "", true},
		{"spread", []hud.Item{one, two}, nil, "", false},
		{"one trajectory", []hud.Item{payload(1)}, nil, "", false},
		{"a trace id hides it", []hud.Item{payload(1), payload(1), hud.TraceID("t")}, nil, "", false},
		{"equal within slices", []hud.Item{payload(1), payload(1), payload(0), payload(0)}, new(2), "", true},
		{"spread in one slice", []hud.Item{payload(1), payload(1), payload(0), payload(1)}, new(2), "", false},
		{"slices of everything", []hud.Item{payload(1), payload(1), payload(0), payload(0)}, nil, "", false},
		{"groups of one", []hud.Item{one, two}, new(1), "", true},
		{"keyed, interleaved", []hud.Item{run("a", 1), run("b", 0), run("a", 1), run("b", 0)}, new(2), "", true},
		{"keyed, the slices would agree", []hud.Item{run("a", 1), run("b", 1), run("a", 0), run("b", 0)}, new(2), "", false},
		{"keyed without group_size", []hud.Item{run("a", 1), run("b", 0), run("a", 1), run("b", 0)}, nil, "", true},
		{"not all keyed", []hud.Item{run("a", 1), run("b", 0), run("a", 1), payload(0)}, nil, "", false},
		{"a run sent as a trace id counts", []hud.Item{bare("a", 1), bare("a", 1)}, nil, "", true},
		{"cross_entropy", []hud.Item{payload(1), payload(1)}, nil, hud.LossCrossEntropy, false},
		{"dro", []hud.Item{payload(1), payload(1)}, nil, hud.LossDRO, false},
		{"cispo", []hud.Item{payload(1), payload(1)}, nil, hud.LossCISPO, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			// The trace ids are unknown to the service: the warning comes before
			// its refusal.
			for range 2 {
				_, _ = f.ForwardBackward(t.Context(), tt.batch, hud.ForwardBackwardOptions{GroupSize: tt.group, LossFn: tt.loss})
			}
			want := 0
			if tt.warns {
				want = 1 // once per client
			}
			if got := len(f.warnings); got != want {
				t.Fatalf("got warnings %q, want %d", f.warnings, want)
			}
			if want == 1 && f.warnings[0] != spreadText {
				t.Errorf("got %q, want %q", f.warnings[0], spreadText)
			}
		})
	}
}

// A forward pass warns too: the custom loss of GRPO's kind meets the same
// zeros.
func TestForwardWarnsOfNoSpread(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.Forward(t.Context(), []hud.Item{payload(1), payload(1)}, hud.ForwardOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(f.warnings) != 1 {
		t.Errorf("got warnings %q, want one", f.warnings)
	}
}

func TestWarnsOfFailedAndOffPolicyRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bad, hot := run("a", 0), run("a", 1)
	bad.Status, bad.Error, bad.TraceID = hud.StatusError, "grader raised", "trace-7"
	hot.Samples = []hud.TrajectorySample{hot.Samples[0]}
	hot.Samples[0].Sampling = &hud.SamplingInfo{Temperature: 0.7, TopP: 1}
	for range 2 {
		res, err := f.ForwardBackward(t.Context(), []hud.Item{bad, hot}, hud.ForwardBackwardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Metrics["offpolicy_samples:sum"]; got != 1 {
			t.Errorf("got offpolicy_samples:sum %v, want 1", got)
		}
	}
	var off, failed int
	for _, w := range f.warnings {
		switch {
		case strings.Contains(w, "1 of 1 samples were not drawn from the policy itself (temperature 0.7)"):
			off++
		case strings.Contains(w, "trajectory 1, run trace-7 (grader raised)"):
			failed++
		}
	}
	if off != 1 || failed != 2 || len(f.warnings) != 3 {
		t.Errorf("got warnings %q, want one of the temperature and the failed run named each time", f.warnings)
	}
}

func TestOffPolicyCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		info *hud.SamplingInfo
		want float64 // -1: no metric at all
	}{
		{nil, -1},
		{&hud.SamplingInfo{Temperature: 1, TopP: 1}, 0},
		{&hud.SamplingInfo{Temperature: 1}, 0},
		{&hud.SamplingInfo{Temperature: 0, TopP: 1}, 1},
		{&hud.SamplingInfo{Temperature: 1, TopP: 0.9}, 1},
		{&hud.SamplingInfo{Temperature: 1, TopP: 1, TopK: 5}, 1},
		{&hud.SamplingInfo{Temperature: 1, TopP: 1, MinP: 0.05}, 1},
	}
	for _, tt := range tests {
		f := newFixture(t)
		p := payload(1)
		p.Samples[0].Sampling = tt.info
		res, err := f.ForwardBackward(t.Context(), []hud.Item{payload(0), p}, hud.ForwardBackwardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, ok := res.Metrics["offpolicy_samples:sum"]
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.info, got, tt.want)
		}
		if warned := len(f.warnings) == 1; warned != (tt.want == 1) {
			t.Errorf("%+v: got warnings %q", tt.info, f.warnings)
		}
	}
}

func TestPolicyLag(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := newFixture(t)
	drawn := func(checkpoint string) []hud.Item {
		p := payload(1)
		p.Samples[0].Sampling = &hud.SamplingInfo{Temperature: 1, TopP: 1, CheckpointID: checkpoint}
		return []hud.Item{payload(0), p}
	}
	lag := func(checkpoint string) any {
		t.Helper()
		res, err := f.ForwardBackward(ctx, drawn(checkpoint), hud.ForwardBackwardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := res.Metrics["policy_lag:max"]; ok {
			return v
		}
		return nil
	}
	ids := []string{""}
	if got := lag(""); got != 0.0 {
		t.Errorf("base weights before any step: got %v, want 0", got)
	}
	for range 3 {
		res, err := f.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-4})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.CheckpointID)
		lag("") // accumulate for the next step
	}
	// The head is step 3.
	for i, id := range ids {
		if got, want := lag(id), float64(3-i); got != want {
			t.Errorf("drawn from step %d with the head at 3: got lag %v, want %v", i, got, want)
		}
	}
	before := f.fake.Count("checkpoints")
	if before != 1 {
		t.Errorf("the tree was asked for %d times, want once", before)
	}
	if got := lag("another-model"); got != nil {
		t.Errorf("drawn from a checkpoint of no known tree: got lag %v, want none", got)
	}
	lag("another-model")
	if got := f.fake.Count("checkpoints") - before; got != 1 {
		t.Errorf("an unknown checkpoint was looked for %d times, want once", got)
	}
	// Roll back to step 1: step 3 is two steps away along the tree.
	if err := f.SetHead(ctx, ids[1]); err != nil {
		t.Fatal(err)
	}
	if got := lag(ids[3]); got != 2.0 {
		t.Errorf("from step 3 after a rollback to 1: got lag %v, want 2", got)
	}
	// A new client learns the same tree; a service that cannot list it only
	// costs the metric.
	g := hud.NewTrainingClient(f.fake, hudtest.FakeModel, hud.TrainingClientOptions{})
	res, err := g.ForwardBackward(ctx, drawn(ids[0]), hud.ForwardBackwardOptions{})
	if err != nil || res.Metrics["policy_lag:max"] != 1 {
		t.Errorf("a new client: got %v, %v, want lag 1", res, err)
	}
	f.fake.Before = func(op string, _ any) error {
		if op == "checkpoints" {
			return &hud.Error{Op: op, Code: hud.CodeServer, Status: 500}
		}
		return nil
	}
	g = hud.NewTrainingClient(f.fake, hudtest.FakeModel, hud.TrainingClientOptions{})
	res, err = g.ForwardBackward(ctx, drawn(ids[0]), hud.ForwardBackwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := res.Metrics["policy_lag:max"]; ok {
		t.Error("a lag was reported without a tree")
	}
}

// Property: whatever the interleaving of keyed groups, they arrive
// contiguous, groups by first appearance and members in order; and every datum
// that comes back names the caller's trajectory and carries its reward, extra
// and group-mean advantage.
func TestRegrouping(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 5))
	for trial := range 60 {
		size, groups := 1+r.IntN(4), 1+r.IntN(4)
		var runs []*hud.Run
		for g := range groups {
			for range size {
				runs = append(runs, run(fmt.Sprint("g", g), float64(r.IntN(5))))
			}
		}
		r.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
		mean := map[string]float64{}
		for i, x := range runs {
			x.TraceID = fmt.Sprint(i)
			x.Extra = map[string]any{"at": i}
			mean[x.GroupID] += x.Reward / float64(size)
			if i%3 == 0 { // two turns that do not merge: two datums
				x.Samples = append(payload(0).Samples, payload(0).Samples...)
			}
		}
		f := newFixture(t)
		res, err := f.Forward(t.Context(), hud.Items(runs), hud.ForwardOptions{GroupSize: &size})
		if err != nil {
			t.Fatalf("trial %d: %v", trial, err)
		}
		var sent []hud.TrainInput
		for _, c := range f.fake.Calls() {
			if req, ok := c.Req.(*hud.ForwardRequest); ok {
				sent = req.Inputs
			}
		}
		var want []string
		seen := map[string]bool{}
		for _, x := range runs {
			if seen[x.GroupID] {
				continue
			}
			seen[x.GroupID] = true
			for _, y := range runs {
				if y.GroupID == x.GroupID {
					want = append(want, y.TraceID)
				}
			}
		}
		for i, in := range sent {
			if in.Payload.TraceID != want[i] {
				t.Fatalf("trial %d: position %d: sent run %s, want %s", trial, i, in.Payload.TraceID, want[i])
			}
		}
		p, datums := res.Data, map[int]int{}
		for d := range p.Len() {
			x := runs[p.TrajIdx[d]]
			datums[p.TrajIdx[d]]++
			if p.Extra[d]["at"] != p.TrajIdx[d] || p.Reward[d] != x.Reward {
				t.Fatalf("trial %d: datum %d is not of trajectory %d", trial, d, p.TrajIdx[d])
			}
			if got, want := p.Advantage[d], x.Reward-mean[x.GroupID]; math.Abs(got-want) > 1e-12 {
				t.Fatalf("trial %d: datum %d: got advantage %v, want %v", trial, d, got, want)
			}
		}
		for i, x := range runs {
			if datums[i] != len(x.Samples) {
				t.Fatalf("trial %d: trajectory %d has %d datums, want %d", trial, i, datums[i], len(x.Samples))
			}
		}
	}
}

// A service may number trajectories within their group.
func TestTrajectoriesNumberedWithinGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fake.After = func(op string, res any) error {
		if op == "forward" {
			p := res.(*hud.ForwardResult).Data
			for d := range p.TrajIdx {
				p.TrajIdx[d] %= 2
			}
		}
		return nil
	}
	batch := []hud.Item{payload(0), payload(1), payload(2), payload(3), payload(4), payload(5)}
	res, err := f.Forward(t.Context(), batch, hud.ForwardOptions{GroupSize: new(2)})
	if err != nil {
		t.Fatal(err)
	}
	for d, k := range res.Data.TrajIdx {
		if k != d || res.Data.Reward[d] != float64(d) {
			t.Errorf("datum %d: got trajectory %d with reward %v", d, k, res.Data.Reward[d])
		}
	}
}

func TestAdvantages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		rewards []float64
		group   *int
		scale   *float64
		want    []float64
	}{
		{"one group", []float64{1, 0, 0, 1}, nil, nil, []float64{0.5, -0.5, -0.5, 0.5}},
		{"two groups", []float64{1, 0, 3, 1}, new(2), nil, []float64{0.5, -0.5, 1, -1}},
		// 3 × 0.1 / 3 is not 0.1 in floating point; equal rewards still give 0.
		{"equal", []float64{0.1, 0.1, 0.1}, nil, nil, []float64{0, 0, 0}},
		{"single", []float64{7}, nil, nil, []float64{0}},
		{"scaled", []float64{1, 0}, nil, new(4.0), []float64{2, -2}},
	}
	for _, tt := range tests {
		f := newFixture(t)
		var batch []hud.Item
		for _, r := range tt.rewards {
			batch = append(batch, payload(r))
		}
		res, err := f.Forward(t.Context(), batch, hud.ForwardOptions{GroupSize: tt.group, RewardScale: tt.scale})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		for d, want := range tt.want {
			if got := res.Data.Advantage[d]; got != want {
				t.Errorf("%s: datum %d: got %v, want %v", tt.name, d, got, want)
			}
		}
	}
}

func TestRunConversion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := run("a", 0.5)
	r.Samples = append([]hud.TrajectorySample{{PromptTokenIDs: []int{1}}}, r.Samples...) // nothing was said in the first turn
	errored := run("a", 0)
	errored.Status, errored.StopReason = hud.StatusError, hud.StopMaxSteps // accepted: only a timeout is refused
	if _, err := f.ForwardBackward(t.Context(), []hud.Item{r, errored}, hud.ForwardBackwardOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.fake.Calls() {
		if req, ok := c.Req.(*hud.ForwardBackwardRequest); ok {
			p := req.Inputs[0].Payload
			if len(p.Samples) != 1 || p.Reward != 0.5 || p.TraceID != "t-a" {
				t.Errorf("got %+v, want one sample, reward 0.5 and the trace id", p)
			}
		}
	}
}
