package hud_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

const testKey = "hud-key-of-the-test"

// A rig is a client, the server it talks to and the service behind that.
type rig struct {
	*testing.T
	fake   *hudtest.Fake
	server *hudtest.Server
	remote *hud.Remote
	model  hud.Model
}

func newRig(t *testing.T, change ...func(*hud.Config)) *rig {
	t.Helper()
	r := &rig{T: t, fake: hudtest.NewFake()}
	r.server = hudtest.NewServer(t, serve.Handler(r.fake, serve.Options{APIKey: testKey}))
	c := hud.Config{
		Settings:    hud.Settings{APIKey: testKey, APIURL: r.server.URL, RLURL: r.server.URL + "/", GatewayURL: r.server.URL},
		DialContext: r.server.DialContext,
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if r.remote, err = hud.Dial(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.remote.Close() })
	models, err := r.fake.Models(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r.model = models[0]
	return r
}

func inputs() []hud.TrainInput {
	return []hud.TrainInput{
		{Payload: &hud.TrajectoryPayload{Reward: 1, Samples: []hud.TrajectorySample{{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}}}}},
		{Payload: &hud.TrajectoryPayload{Samples: []hud.TrajectorySample{{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{5}, OutputLogprobs: []float32{-3}}}}},
	}
}

// pending gives the model a gradient, past the client.
func (r *rig) pending() {
	r.Helper()
	_, err := r.fake.ForwardBackward(context.Background(), r.model.ID, &hud.ForwardBackwardRequest{Inputs: inputs(), LossFn: hud.LossCrossEntropy, RewardScale: 1, NumSubsteps: 1})
	if err != nil {
		r.Fatal(err)
	}
}

// step makes a checkpoint, past the client.
func (r *rig) step() string {
	r.Helper()
	r.pending()
	res, err := r.fake.OptimStep(context.Background(), r.model.ID, &hud.OptimStepRequest{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
	if err != nil {
		r.Fatal(err)
	}
	return res.CheckpointID
}

// The three ways a call is sent.
const (
	once      = "once"      // one attempt, whatever happens
	patiently = "patiently" // HUD's retries
	asOpenAI  = "as OpenAI" // the OpenAI client's
)

// operations are every call there is, by the last step of its path.
var operations = []struct {
	call, way string
	run       func(r *rig, ctx context.Context) error
	prepare   func(r *rig) func(ctx context.Context) error // in place of run, where something must come before
	unheard   bool                                         // whose answer says nothing: it may be empty
}{
	{call: "models", way: patiently, run: func(r *rig, ctx context.Context) error { _, err := r.remote.Models(ctx); return err }},
	{call: "resolve", way: patiently, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Resolve(ctx, hudtest.FakeModel)
		return err
	}},
	{call: "checkpoints", way: patiently, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Checkpoints(ctx, r.model.ID)
		return err
	}},
	{call: "losses", way: patiently, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Losses(ctx, r.model.ID)
		return err
	}},
	{call: "head", way: patiently, unheard: true, prepare: func(r *rig) func(context.Context) error {
		id := r.step()
		return func(ctx context.Context) error { return r.remote.SetHead(ctx, r.model.ID, id) }
	}},
	{call: "fork", way: patiently, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Fork(ctx, r.model.ID, "a fork")
		return err
	}},
	{call: "forward-backward", way: once, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.ForwardBackward(ctx, r.model.ID, &hud.ForwardBackwardRequest{Inputs: inputs(), RewardScale: 1})
		return err
	}},
	{call: "forward", way: once, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Forward(ctx, r.model.ID, &hud.ForwardRequest{Inputs: inputs(), RewardScale: 1})
		return err
	}},
	{call: "backward", way: once, prepare: func(r *rig) func(context.Context) error {
		fwd, err := r.fake.Forward(context.Background(), r.model.ID, &hud.ForwardRequest{Inputs: inputs(), RewardScale: 1})
		if err != nil {
			r.Fatal(err)
		}
		return func(ctx context.Context) error {
			_, err := r.remote.Backward(ctx, r.model.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: [][]float32{{0, 1, 1}, {0, 1}}})
			return err
		}
	}},
	{call: "optim-step", way: once, prepare: func(r *rig) func(context.Context) error {
		r.pending()
		return func(ctx context.Context) error {
			_, err := r.remote.OptimStep(ctx, r.model.ID, &hud.OptimStepRequest{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
			return err
		}
	}},
	{call: "completions", way: asOpenAI, run: func(r *rig, ctx context.Context) error {
		seed := uint64(1)
		_, err := r.remote.Chat(ctx, &hud.ChatRequest{Model: r.model.ModelName, Messages: []hud.Message{{Role: "user", Content: "hi"}}, MaxTokens: 4, Seed: &seed, ReturnTokenIDs: true})
		return err
	}},
	{call: "reference", way: patiently, run: func(r *rig, ctx context.Context) error {
		_, err := r.remote.Forward(ctx, r.model.ID, &hud.ForwardRequest{Inputs: inputs(), RewardScale: 1, Checkpoint: r.model.ID})
		return err
	}},
}

// An expectation is how a call ends under a fault that never goes away: how
// often the server saw it, and the code of the error, "" for none.
type expectation struct {
	seen int
	code hud.Code
}

// faults is the table: what each way of calling makes of each fault. unknown
// says that a call that is sent once may have had its effect; a status may be
// wanted too.
var faults = []struct {
	fault                     hudtest.Fault
	patiently, asOpenAI, once expectation
	unknown                   bool
	status                    int
	empty                     bool
}{
	{fault: hudtest.DropBefore, patiently: expectation{5, hud.CodeNetwork}, asOpenAI: expectation{3, hud.CodeNetwork}, once: expectation{1, hud.CodeNetwork}, unknown: true},
	{fault: hudtest.DropAfter, patiently: expectation{5, hud.CodeNetwork}, asOpenAI: expectation{3, hud.CodeNetwork}, once: expectation{1, hud.CodeNetwork}, unknown: true},
	{fault: hudtest.Truncated, patiently: expectation{5, hud.CodeNetwork}, asOpenAI: expectation{3, hud.CodeNetwork}, once: expectation{1, hud.CodeNetwork}, unknown: true},
	{fault: hudtest.Body(502, "Bad Gateway"), patiently: expectation{5, hud.CodeServer}, asOpenAI: expectation{3, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, status: 502},
	{fault: hudtest.Body(503, "<html>busy</html>"), patiently: expectation{5, hud.CodeServer}, asOpenAI: expectation{3, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, status: 503},
	{fault: hudtest.Body(504, `{"detail":null}`), patiently: expectation{5, hud.CodeTimeout}, asOpenAI: expectation{3, hud.CodeTimeout}, once: expectation{1, hud.CodeTimeout}, unknown: true, status: 504},
	{fault: hudtest.After(502), patiently: expectation{5, hud.CodeServer}, asOpenAI: expectation{3, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, status: 502},
	{fault: hudtest.Delay(time.Hour), patiently: expectation{1, hud.CodeTimeout}, asOpenAI: expectation{3, hud.CodeTimeout}, once: expectation{1, hud.CodeTimeout}, unknown: true},
	{fault: hudtest.Drip(time.Hour), patiently: expectation{1, hud.CodeTimeout}, asOpenAI: expectation{3, hud.CodeTimeout}, once: expectation{1, hud.CodeTimeout}, unknown: true},
	{fault: hudtest.Body(500, `{"detail":"the provider failed"}`), patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{3, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, status: 500},
	{fault: hudtest.Garbage, patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true},
	{fault: hudtest.Half, patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true},
	{fault: hudtest.Empty, patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, empty: true},
	{fault: hudtest.Body(200, ""), patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, empty: true},
	{fault: hudtest.Body(200, " \n"), patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, unknown: true, empty: true},
	{fault: hudtest.Redirect, patiently: expectation{1, hud.CodeServer}, asOpenAI: expectation{1, hud.CodeServer}, once: expectation{1, hud.CodeServer}, status: 307},
	{fault: hudtest.Body(429, `{}`), patiently: expectation{5, hud.CodeRateLimited}, asOpenAI: expectation{3, hud.CodeRateLimited}, once: expectation{1, hud.CodeRateLimited}, status: 429},
	{fault: hudtest.Body(408, `{}`), patiently: expectation{1, hud.CodeTimeout}, asOpenAI: expectation{3, hud.CodeTimeout}, once: expectation{1, hud.CodeTimeout}, status: 408},
	{fault: hudtest.Body(409, `{"detail":"stale"}`), patiently: expectation{1, hud.CodeConflict}, asOpenAI: expectation{3, hud.CodeConflict}, once: expectation{1, hud.CodeConflict}, status: 409},
	{fault: hudtest.Body(425, `[]`), patiently: expectation{1, hud.CodeConflict}, asOpenAI: expectation{1, hud.CodeConflict}, once: expectation{1, hud.CodeConflict}, status: 425},
	{fault: hudtest.Body(400, `no`), patiently: expectation{1, hud.CodeValidation}, asOpenAI: expectation{1, hud.CodeValidation}, once: expectation{1, hud.CodeValidation}, status: 400},
	{fault: hudtest.Body(401, `{"detail":"who?"}`), patiently: expectation{1, hud.CodeAuth}, asOpenAI: expectation{1, hud.CodeAuth}, once: expectation{1, hud.CodeAuth}, status: 401},
	{fault: hudtest.Body(402, ``), patiently: expectation{1, hud.CodeAuth}, asOpenAI: expectation{1, hud.CodeAuth}, once: expectation{1, hud.CodeAuth}, status: 402},
	{fault: hudtest.Body(403, ``), patiently: expectation{1, hud.CodeAuth}, asOpenAI: expectation{1, hud.CodeAuth}, once: expectation{1, hud.CodeAuth}, status: 403},
	{fault: hudtest.Body(404, ``), patiently: expectation{1, hud.CodeNotFound}, asOpenAI: expectation{1, hud.CodeNotFound}, once: expectation{1, hud.CodeNotFound}, status: 404},
	{fault: hudtest.Body(422, ``), patiently: expectation{1, hud.CodeValidation}, asOpenAI: expectation{1, hud.CodeValidation}, once: expectation{1, hud.CodeValidation}, status: 422},
	// These hurt nobody.
	{fault: hudtest.Delay(9 * time.Minute), patiently: expectation{1, ""}, asOpenAI: expectation{1, ""}, once: expectation{1, ""}},
	{fault: hudtest.Drip(time.Second), patiently: expectation{1, ""}, asOpenAI: expectation{1, ""}, once: expectation{1, ""}},
	{fault: hudtest.Duplicate, patiently: expectation{1, ""}, asOpenAI: expectation{1, ""}, once: expectation{1, ""}},
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		for _, f := range faults {
			t.Run(o.call+"/"+f.fault.Name, func(t *testing.T) {
				t.Parallel()
				want := map[string]expectation{once: f.once, patiently: f.patiently, asOpenAI: f.asOpenAI}[o.way]
				if o.unheard && f.empty {
					want.code = ""
				}
				if o.way == once && want.seen != 1 {
					t.Fatal("the table lets a training call be sent twice")
				}
				// The fault stays.
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					run := r.ready(o.run, o.prepare)
					r.server.Spoil(o.call, f.fault.Times(20)...)
					start := time.Now()
					err := run(t.Context())
					var e *hud.Error
					errors.As(err, &e)
					if f.fault.Name == hudtest.Duplicate.Name && o.way == once && e != nil {
						// What a proxy's second request is answered with.
						want.code = map[string]hud.Code{"backward": hud.CodeConflict, "optim-step": hud.CodeNoGradient}[o.call]
					}
					if want.code == "" && err != nil || want.code != "" && (e == nil || e.Code != want.code) {
						t.Errorf("got %v (%+v), want code %q", err, e, want.code)
					}
					if got := r.server.Seen(o.call); got != want.seen {
						t.Errorf("the server saw %d calls, want %d", got, want.seen)
					}
					if e != nil && (e.Op == "" || e.Detail == "" || e.Unknown != (f.unknown && o.way == once) || f.status != 0 && e.Status != f.status) {
						t.Errorf("got %+v, want an operation, a detail, unknown %v and status %d", e, f.unknown && o.way == once, f.status)
					}
					if want.seen == 5 {
						if took := time.Since(start); took != 30*time.Second {
							t.Errorf("5 attempts took %v, want the 2+4+8+16 s between them", took)
						}
					}
				})
				if want.seen == 1 {
					return
				}
				// The fault goes away.
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					run := r.ready(o.run, o.prepare)
					r.server.Spoil(o.call, f.fault.Times(want.seen-1)...)
					if err := run(t.Context()); err != nil {
						t.Errorf("got %v, want success at attempt %d", err, want.seen)
					}
					if got := r.server.Seen(o.call); got != want.seen {
						t.Errorf("the server saw %d calls, want %d", got, want.seen)
					}
				})
			})
		}
	}
}

// ready is what the call under test is.
func (r *rig) ready(run func(*rig, context.Context) error, prepare func(*rig) func(context.Context) error) func(context.Context) error {
	if prepare != nil {
		return prepare(r)
	}
	return func(ctx context.Context) error { return run(r, ctx) }
}

// However a script's calls fail, no training call is sent twice: a whole loop
// over a line that drops every third request.
func TestNoTrainingCallIsSentTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		made := map[string]int{}
		bad := []hudtest.Fault{hudtest.DropAfter, {}, hudtest.After(503), {}, hudtest.DropBefore, {}, hudtest.Truncated, {}}
		for _, call := range []string{"forward-backward", "forward", "backward", "optim-step"} {
			for range 10 {
				r.server.Spoil(call, bad...)
			}
		}
		ctx := t.Context()
		for range 20 {
			made["forward-backward"]++
			_, _ = r.remote.ForwardBackward(ctx, r.model.ID, &hud.ForwardBackwardRequest{Inputs: inputs(), RewardScale: 1})
			made["forward"]++
			if fwd, err := r.remote.Forward(ctx, r.model.ID, &hud.ForwardRequest{Inputs: inputs(), RewardScale: 1}); err == nil {
				made["backward"]++
				_, _ = r.remote.Backward(ctx, r.model.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: [][]float32{{0, 1, 1}, {0, 1}}})
			}
			made["optim-step"]++
			_, _ = r.remote.OptimStep(ctx, r.model.ID, &hud.OptimStepRequest{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
		}
		total := 0
		for call, n := range made {
			total += n
			if got := r.server.Seen(call); got != n {
				t.Errorf("%s: the server saw %d calls of %d made", call, got, n)
			}
			if got := r.server.Applied(call); got > n {
				t.Errorf("%s: had an effect %d times in %d calls", call, got, n)
			}
		}
		// Each had a connection of its own: none met one that was about to close.
		if got := r.server.Dialled(); got != total {
			t.Errorf("%d connections were made for %d calls, want one each", got, total)
		}
		for _, h := range r.server.Headers() {
			for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
				if _, there := h[name]; there {
					t.Fatalf("a request carries %s, with which net/http may send it again", name)
				}
			}
		}
	})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			run := r.ready(o.run, o.prepare)
			r.server.Stop()
			var e *hud.Error
			if err := run(t.Context()); !errors.As(err, &e) || e.Code != hud.CodeNetwork || e.Unknown || e.Hint == "" {
				t.Errorf("%s: got %v, want a network error that is not in doubt, with a hint", o.call, err)
			}
			want := map[string]int{once: 1, patiently: 5, asOpenAI: 3}[o.way]
			if got := r.server.Dialled(); got != want {
				t.Errorf("%s: %d attempts to connect, want %d", o.call, got, want)
			}
		})
	}
}

// A call ends at once when its context does, whatever it is doing.
func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		for name, fault := range map[string]hudtest.Fault{"waiting": hudtest.Delay(time.Hour), "reading": hudtest.Drip(time.Minute), "between attempts": hudtest.Body(503, "")} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(c *hud.Config) { c.Timeout = 2 * time.Hour })
				run := r.ready(o.run, o.prepare)
				r.server.Spoil(o.call, fault.Times(20)...)
				why := fmt.Errorf("nobody wants it any more")
				ctx, cancel := context.WithTimeoutCause(t.Context(), 400*time.Millisecond, why)
				defer cancel()
				start := time.Now()
				err := run(ctx)
				var e *hud.Error
				if o.way == once && name == "between attempts" {
					return // there is nothing between them
				}
				if !errors.As(err, &e) || e.Code != hud.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, why) {
					t.Errorf("%s, %s: got %v, want the context's end and its cause", o.call, name, err)
				}
				if o.way == once && !e.Unknown {
					t.Errorf("%s, %s: the outcome of a call that was sent is unknown", o.call, name)
				}
				if took := time.Since(start); took > 500*time.Millisecond {
					t.Errorf("%s, %s: ended %v after the call began, want 400 ms", o.call, name, took)
				}
			})
		}
	}
}

func TestLongWaitsAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, func(c *hud.Config) {
			c.OnWait = func(op string, waited time.Duration) {
				told = append(told, fmt.Sprintf("waiting %v for %s", waited, op))
			}
		})
		r.server.Spoil("forward-backward", hudtest.Delay(35*time.Second))
		if err := operations[6].run(r, t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(told), "[waiting 10s for forward_backward waiting 20s for forward_backward waiting 30s for forward_backward]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
