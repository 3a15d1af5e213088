package hud_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A canned server answers everything with one text and keeps the requests.
type canned struct {
	answer string

	mu     sync.Mutex
	got    []*http.Request
	bodies []string
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.got, c.bodies = append(c.got, r), append(c.bodies, string(body))
	c.mu.Unlock()
	io.WriteString(w, c.answer)
}

func cannedRemote(t *testing.T, answer string, change ...func(*hud.Config)) (*hud.Remote, *canned) {
	t.Helper()
	c := &canned{answer: answer}
	server := hudtest.NewServer(t, c)
	config := hud.Config{
		Settings:    hud.Settings{APIKey: testKey, APIURL: "http://api.test/", RLURL: "http://rl.test", GatewayURL: "http://gateway.test//"},
		DialContext: server.DialContext,
	}
	for _, f := range change {
		f(&config)
	}
	remote, err := hud.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	return remote, c
}

// What goes out is the protocol's, to the byte: which members are there,
// which are left out, and which are there though empty.
func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	const (
		id     = "3f0e5a10-0000-4000-8000-000000000000"
		passed = `{"metrics":{},"num_datums":1}`
		chat   = `{"choices":[{"message":{"role":"assistant","content":"x"}}]}`
	)
	one := []hud.TrainInput{{TraceID: "t"}}
	tests := []struct {
		name, answer, method, url, body string
		call                            func(ctx context.Context, r *hud.Remote) error
	}{
		{"models", `{"items":[]}`, "GET", "api.test/v2/models", "", func(ctx context.Context, r *hud.Remote) error { _, err := r.Models(ctx); return err }},
		// urllib's quote(…, safe="").
		{"resolve", `{"id":"x"}`, "GET", "api.test/v2/models/resolve?model=hudrl%2Fmini%20%2B%26%3F%C3%A9~_.-", "", func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Resolve(ctx, "hudrl/mini +&?é~_.-")
			return err
		}},
		{"fork", `{"id":"x","model_name":"s"}`, "POST", "api.test/v2/models/fork", `{"source_model_id":"` + id + `","name":"n"}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Fork(ctx, id, "n")
			return err
		}},
		{"checkpoints", `[]`, "GET", "api.test/v2/models/" + id + "/checkpoints", "", func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Checkpoints(ctx, id)
			return err
		}},
		{"set_head", `{}`, "PUT", "api.test/v2/models/" + id + "/head", `{"checkpoint_id":"c"}`, func(ctx context.Context, r *hud.Remote) error { return r.SetHead(ctx, id, "c") }},
		{"losses", `{"losses":["ppo"]}`, "GET", "rl.test/v1/models/" + id + "/train/losses", "", func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Losses(ctx, id)
			return err
		}},
		// The protocol's own example.
		{"forward_backward", passed, "POST", "rl.test/v1/models/" + id + "/train/forward-backward",
			`{"inputs":["3f..a1",{"samples":[{"prompt_token_ids":[1,2],"output_token_ids":[3,4],"output_logprobs":[-0.200000003,-0.100000001]}],"reward":1}],` +
				`"loss_fn":"ppo","group_size":2,"reward_scale":1,"num_substeps":1}`,
			func(ctx context.Context, r *hud.Remote) error {
				in := []hud.TrainInput{{TraceID: "3f..a1"}, {Payload: &hud.TrajectoryPayload{Reward: 1, Samples: []hud.TrajectorySample{
					{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}}}}}}
				_, err := r.ForwardBackward(ctx, id, &hud.ForwardBackwardRequest{Inputs: in, LossFn: "ppo", GroupSize: 2, RewardScale: 1, NumSubsteps: 1})
				return err
			}},
		{"forward_backward with defaults", passed, "POST", "rl.test/v1/models/" + id + "/train/forward-backward",
			`{"inputs":["t"],"loss_fn":"importance_sampling","reward_scale":0,"num_substeps":1}`,
			func(ctx context.Context, r *hud.Remote) error {
				_, err := r.ForwardBackward(ctx, id, &hud.ForwardBackwardRequest{Inputs: one})
				return err
			}},
		{"forward_backward with settings", passed, "POST", "rl.test/v1/models/" + id + "/train/forward-backward",
			`{"inputs":["t"],"loss_fn":"dro","loss_fn_config":{"beta":0.05},"reward_scale":-1.5,"num_substeps":3}`,
			func(ctx context.Context, r *hud.Remote) error {
				_, err := r.ForwardBackward(ctx, id, &hud.ForwardBackwardRequest{Inputs: one, LossFn: "dro", LossFnConfig: map[string]float64{"beta": 0.05}, RewardScale: -1.5, NumSubsteps: 3})
				return err
			}},
		{"forward", `{"forward_id":"f","data":[]}`, "POST", "rl.test/v1/models/" + id + "/train/forward", `{"inputs":["t"],"reward_scale":1}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Forward(ctx, id, &hud.ForwardRequest{Inputs: one, RewardScale: 1})
			return err
		}},
		{"forward of groups", `{"forward_id":"f","data":[]}`, "POST", "rl.test/v1/models/" + id + "/train/forward", `{"inputs":["t","t"],"group_size":2,"reward_scale":1}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Forward(ctx, id, &hud.ForwardRequest{Inputs: append(one, one...), GroupSize: 2, RewardScale: 1})
			return err
		}},
		{"backward", passed, "POST", "rl.test/v1/models/" + id + "/train/backward", `{"forward_id":"f","weights":[[1,-0.5],[],[0.100000001]],"metrics":{}}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Backward(ctx, id, &hud.BackwardRequest{ForwardID: "f", Weights: [][]float32{{1, -0.5}, {}, {0.1}}})
			return err
		}},
		{"backward with metrics", passed, "POST", "rl.test/v1/models/" + id + "/train/backward", `{"forward_id":"f\"","weights":[[0]],"metrics":{"a":1,"b\"":0.1}}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Backward(ctx, id, &hud.BackwardRequest{ForwardID: `f"`, Weights: [][]float32{{0}}, Metrics: map[string]float64{`b"`: 0.1, "a": 1}})
			return err
		}},
		{"optim_step", `{"step":1,"checkpoint_id":"c","sampler_path":"s","state_path":"t","model":"m"}`, "POST", "rl.test/v1/models/" + id + "/train/optim-step",
			`{"learning_rate":0.00001,"beta1":0.9,"beta2":0.95,"eps":1e-8,"weight_decay":0}`, func(ctx context.Context, r *hud.Remote) error {
				_, err := r.OptimStep(ctx, id, &hud.OptimStepRequest{LearningRate: 1e-5, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, State: map[string]json.RawMessage{"secret": []byte("1")}})
				return err
			}},
		{"chat", chat, "POST", "gateway.test/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false}`, func(ctx context.Context, r *hud.Remote) error {
			_, err := r.Chat(ctx, &hud.ChatRequest{Model: "m", Messages: []hud.Message{{Role: "user", Content: "hi"}}})
			return err
		}},
		{"chat with everything", chat, "POST", "gateway.test/chat/completions",
			`{"model":"m","messages":[],"max_tokens":3,"temperature":0,"top_p":0.5,"top_k":4,"min_p":0.1,"stop":["x"],"n":2,"return_token_ids":true,` +
				`"logprobs_mode":"raw","prompt_token_ids":[1,2],"checkpoint":"c","stream":false,"logprobs":true,"seed":-1,"continuation_from":0}`,
			func(ctx context.Context, r *hud.Remote) error {
				_, err := r.Chat(ctx, &hud.ChatRequest{
					Model: "m", Messages: []hud.Message{}, MaxTokens: 3, Temperature: new(0.0), TopP: new(0.5), TopK: 4, MinP: 0.1, Stop: []string{"x"},
					Seed: new(uint64(math.MaxUint64)), N: 2, ReturnTokenIDs: true, LogprobsMode: "raw", PromptTokenIDs: []int{1, 2}, Checkpoint: "c", TraceID: "abc",
				})
				return err
			}},
		{"exit_trace", `{}`, "POST", "api.test/v2/trace/abc/exit", `{"status":"completed","reward":0,"stop_reason":"done"}`, func(ctx context.Context, r *hud.Remote) error {
			return r.ExitTrace(ctx, hud.TraceExit{TraceID: "abc", Status: "completed", Reward: new(0.0), StopReason: "done"})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			remote, server := cannedRemote(t, tt.answer)
			if err := tt.call(t.Context(), remote); err != nil {
				t.Fatal(err)
			}
			r, body := server.got[0], server.bodies[0]
			if url := r.Host + r.URL.String(); len(server.got) != 1 || r.Method != tt.method || url != tt.url || body != tt.body {
				t.Errorf("got %d of %s %s\n%s\nwant %s %s\n%s", len(server.got), r.Method, url, body, tt.method, tt.url, tt.body)
			}
			if body != "" && (r.ContentLength != int64(len(body)) || r.Header.Get("Content-Type") != "application/json") {
				t.Errorf("got a length of %d and type %q, want %d and application/json", r.ContentLength, r.Header.Get("Content-Type"), len(body))
			}
			want := []string{"Accept", "Accept-Encoding", "Authorization", "User-Agent"}
			if body != "" {
				want = append(want, "Content-Length", "Content-Type")
			}
			if strings.Contains(tt.url, "/train/") && body != "" {
				want = append(want, "Connection")
			}
			if tt.name == "chat with everything" {
				want = append(want, "Trace-Id")
			}
			var names []string
			for name := range r.Header {
				names = append(names, name)
			}
			slices.Sort(names)
			slices.Sort(want)
			if !slices.Equal(names, want) || r.Header.Get("Authorization") != "Bearer "+testKey {
				t.Errorf("got headers %v, want %v and the key", names, want)
			}
		})
	}
}

// A job is reported once, before its first trace.
func TestReportsOfRollouts(t *testing.T) {
	t.Parallel()
	remote, server := cannedRemote(t, `{}`)
	enter := func(r *hud.Remote, trace string) {
		t.Helper()
		err := r.EnterTrace(t.Context(), hud.TraceEnter{TraceID: trace, JobID: "j", GroupID: "g", TaskSlug: "sum", Model: "m", JobName: "sums", Group: 8})
		if err != nil {
			t.Fatal(err)
		}
	}
	enter(remote, "a")
	enter(remote, "b")
	want := []string{`{"name":"sums","group":8}`, `{"job_id":"j","group_id":"g","task_slug":"sum","model":"m"}`, `{"job_id":"j","group_id":"g","task_slug":"sum","model":"m"}`}
	if !slices.Equal(server.bodies, want) || server.got[0].URL.Path != "/v2/trace/job/j/enter" || server.got[2].URL.Path != "/v2/trace/b/enter" {
		t.Errorf("got %v, want %v", server.bodies, want)
	}
	// Many at once wait for the first.
	many, server := cannedRemote(t, `{}`)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { enter(many, fmt.Sprint(i)) })
	}
	wg.Wait()
	if server.got[0].URL.Path != "/v2/trace/job/j/enter" || len(server.got) != 21 {
		t.Errorf("got %s first of %d, want the job first of 21", server.got[0].URL.Path, len(server.got))
	}
	quiet, server := cannedRemote(t, `{}`, func(c *hud.Config) { c.NoTelemetry = true })
	enter(quiet, "a")
	if err := quiet.ExitTrace(t.Context(), hud.TraceExit{TraceID: "a", Status: "completed"}); err != nil || len(server.got) > 0 {
		t.Errorf("got %v and %d calls without telemetry, want none", err, len(server.got))
	}
}

// What is wrong with a request is found before anything is sent.
func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	remote, server := cannedRemote(t, `{}`)
	ctx, nan, one := t.Context(), math.NaN(), []hud.TrainInput{{TraceID: "t"}}
	bad := func(p *hud.TrajectoryPayload) []hud.TrainInput { return []hud.TrainInput{{Payload: p}} }
	for name, call := range map[string]func() error{
		"reward_scale": func() error {
			_, err := remote.ForwardBackward(ctx, "m", &hud.ForwardBackwardRequest{Inputs: one, RewardScale: nan})
			return err
		},
		"loss_fn_config": func() error {
			_, err := remote.ForwardBackward(ctx, "m", &hud.ForwardBackwardRequest{Inputs: one, LossFnConfig: map[string]float64{"x": nan}})
			return err
		},
		"inputs[1]: reward": func() error {
			_, err := remote.Forward(ctx, "m", &hud.ForwardRequest{Inputs: bad(&hud.TrajectoryPayload{Reward: nan}), RewardScale: 1})
			return err
		},
		"inputs[1]: samples[1]: output_logprobs: value 2": func() error {
			_, err := remote.Forward(ctx, "m", &hud.ForwardRequest{Inputs: bad(&hud.TrajectoryPayload{Samples: []hud.TrajectorySample{{OutputLogprobs: []float32{0, float32(nan)}}}}), RewardScale: 1})
			return err
		},
		"reward_scale: got": func() error {
			_, err := remote.Forward(ctx, "m", &hud.ForwardRequest{Inputs: one, Checkpoint: "base", RewardScale: nan})
			return err
		},
		"weights: datum 1, position 2": func() error {
			_, err := remote.Backward(ctx, "m", &hud.BackwardRequest{ForwardID: "f", Weights: [][]float32{{1, float32(math.Inf(1))}}})
			return err
		},
		"metrics": func() error {
			_, err := remote.Backward(ctx, "m", &hud.BackwardRequest{ForwardID: "f", Weights: [][]float32{{1}}, Metrics: map[string]float64{"x": nan}})
			return err
		},
		"eps": func() error {
			_, err := remote.OptimStep(ctx, "m", &hud.OptimStepRequest{LearningRate: 1, Eps: nan})
			return err
		},
		"temperature": func() error { _, err := remote.Chat(ctx, &hud.ChatRequest{Temperature: &nan}); return err },
		"reward":      func() error { return remote.ExitTrace(ctx, hud.TraceExit{TraceID: "t", Reward: &nan}) },
	} {
		var e *hud.Error
		if err := call(); !errors.As(err, &e) || e.Code != hud.CodeValidation || e.Unknown || !strings.Contains(e.Detail+e.Hint, name) {
			t.Errorf("%s: got %v, want a validation error that names it", name, err)
		}
	}
	if len(server.got) > 0 {
		t.Errorf("%d requests were sent", len(server.got))
	}
}

// A body too large to be made in advance streams, and arrives whole.
func TestLargeBodiesStream(t *testing.T) {
	t.Parallel()
	var weights [][]float32
	want := []byte(`{"forward_id":"f","weights":[`)
	for d := range 40 {
		if d > 0 {
			want = append(want, ',')
		}
		want = append(want, '[')
		row := make([]float32, 5000+d)
		for i := range row {
			row[i] = float32(i)
			if i > 0 {
				want = append(want, ',')
			}
			want = fmt.Appendf(want, "%d", i)
		}
		want = append(want, ']')
		weights = append(weights, row)
	}
	want = append(want, `],"metrics":{}}`...)
	for name, server := range map[string]func(t *testing.T, h http.Handler) (string, func(*hud.Config)){
		"memory": func(t *testing.T, h http.Handler) (string, func(*hud.Config)) {
			s := hudtest.NewServer(t, h)
			return s.URL, func(c *hud.Config) { c.DialContext = s.DialContext }
		},
		"loopback": func(t *testing.T, h http.Handler) (string, func(*hud.Config)) {
			s := httptest.NewServer(h)
			t.Cleanup(s.Close)
			return s.URL, func(*hud.Config) {}
		},
	} {
		c := &canned{answer: `{"num_datums":40}`}
		address, change := server(t, c)
		config := hud.Config{Settings: hud.Settings{APIKey: testKey, APIURL: address, RLURL: address, GatewayURL: address}}
		change(&config)
		remote, err := hud.Dial(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Backward(t.Context(), "m", &hud.BackwardRequest{ForwardID: "f", Weights: weights}); err != nil {
			t.Fatal(err)
		}
		if c.bodies[0] != string(want) || c.got[0].ContentLength != -1 {
			t.Errorf("%s: got %d bytes of length %d, want %d bytes without one", name, len(c.bodies[0]), c.got[0].ContentLength, len(want))
		}
		remote.Close()
	}
}

// Over TLS and HTTP/2, where connections carry many calls and net/http has
// other rules for sending them again, training calls are sent once too.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	handler := serve.Handler(fake, serve.Options{APIKey: testKey})
	var mu sync.Mutex
	seen := map[string]int{}
	arrived := func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		now := maps.Clone(seen)
		clear(seen)
		return now
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path]++
		mu.Unlock()
		if r.ProtoMajor != 2 {
			t.Errorf("%s came over %s, want HTTP/2", r.URL.Path, r.Proto)
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // resets the stream after the effect
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	authority := x509.NewCertPool()
	authority.AddCert(server.Certificate())
	config := hud.Config{Settings: hud.Settings{APIKey: testKey, APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}}
	stranger, err := hud.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stranger.OptimStep(t.Context(), "m", &hud.OptimStepRequest{LearningRate: 1})
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeNetwork || !strings.HasPrefix(e.Detail, "SSL error: ") || e.Unknown || len(arrived()) > 0 {
		t.Errorf("an unknown authority: got %v, want an SSL error and nothing sent", err)
	}
	config.TLS = &tls.Config{RootCAs: authority}
	remote, err := hud.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	r := &rig{T: t, fake: fake, remote: remote}
	models, err := fake.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.model = models[0]
	for _, o := range operations {
		if o.way != once {
			continue
		}
		err := r.ready(o.run, o.prepare)(t.Context())
		if !errors.As(err, &e) || e.Code != hud.CodeNetwork || !e.Unknown {
			t.Errorf("%s: got %v, want a network error in doubt", o.call, err)
		}
		if got := arrived(); got["/v1/models/"+r.model.ID+"/train/"+o.call] != 1 || len(got) != 1 {
			t.Errorf("%s: the server saw %v, want one call", o.call, got)
		}
	}
}

// A service may answer before it has read the request. The caller's weights
// are its own again as soon as the call returns (the race detector looks).
func TestAnswersBeforeTheRequestIsRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.EnableFullDuplex()
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(401)
		c.Flush()
		io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	weights := make([][]float32, 100)
	for d := range weights {
		weights[d] = make([]float32, 20000)
	}
	for n := range 5 {
		_, err := remote.Backward(t.Context(), "m", &hud.BackwardRequest{ForwardID: "f", Weights: weights})
		if err == nil {
			t.Fatal("got success, want 401 or a cut connection")
		}
		for d := range weights {
			for i := range weights[d] {
				weights[d][i] = float32(n) / 3
			}
		}
	}
}
