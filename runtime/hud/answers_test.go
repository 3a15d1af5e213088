package hud_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// What comes in is read leniently.
func TestAnswersAreReadLeniently(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	remote, _ := cannedRemote(t, `{"metrics":{"a":1,"b":"0.5","c":true,"d":null,"e":[1],"loss:sum":-2e-3},"num_datums":"3","added":{"x":[1,{}]}}`)
	res, err := remote.ForwardBackward(ctx, "m", &hud.ForwardBackwardRequest{Inputs: []hud.TrainInput{{TraceID: "t"}}, RewardScale: 1})
	if want := map[string]float64{"a": 1, "b": 0.5, "c": 1, "loss:sum": -2e-3}; err != nil || res.NumDatums != 3 || !reflect.DeepEqual(res.Metrics, want) {
		t.Errorf("got %+v, %v, want 3 datums and %v", res, err, want)
	}

	remote, _ = cannedRemote(t, `{"items":[{"id":7,"name":null,"model_name":"s","provider":null,"is_trainable":null,"extra":0},{"name":"n","provider":{"name":"p","x":1},"is_trainable":true}],"total":2}`)
	models, err := remote.Models(ctx)
	want := []hud.Model{{ID: "7", ModelName: "s"}, {Name: "n", Provider: hud.Provider{Name: "p"}, IsTrainable: true}}
	if err != nil || !slices.Equal(models, want) {
		t.Errorf("got %+v, %v, want %+v", models, err, want)
	}

	remote, _ = cannedRemote(t, `[{"id":"a"},{"id":"b","name":"step-0012","prev_model_checkpoint_id":"a","is_active":true,"created_at":"2026-01-02T03:04:05.678901",
		"num_traces":null,"num_datums":2,"mean_reward":0.25,"loss_fn":null,"metrics":{"reward_std":0,"x":null},"tasksets":[{}]},
		{"id":"c","created_at":"2026-01-02T03:04:05+02:00"},{"id":"d","created_at":"yesterday","name":"final"}]`)
	tree, err := remote.Checkpoints(ctx, "m")
	if err != nil || len(tree) != 4 {
		t.Fatalf("got %+v, %v", tree, err)
	}
	b := tree[1]
	if b.Step != 12 || !b.IsActive || b.NumTraces != nil || *b.NumDatums != 2 || *b.MeanReward != 0.25 || b.PrevModelCheckpointID != "a" ||
		!b.CreatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)) || !reflect.DeepEqual(b.Metrics, map[string]float64{"reward_std": 0}) {
		t.Errorf("got %+v", b)
	}
	if !tree[2].CreatedAt.Equal(time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)) || !tree[3].CreatedAt.IsZero() || tree[3].Step != 0 || tree[0].Metrics == nil {
		t.Errorf("got %+v and %+v", tree[2], tree[3])
	}

	remote, _ = cannedRemote(t, `{"id":"r","object":"chat.completion","model":"served","usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}},
		"choices":[{"index":0,"finish_reason":"tool_calls","prompt_token_ids":[1,2,3],"token_ids":[4,5],"message":{"role":"assistant","content":null,"tool_calls":[{"id":"x"}]},
		"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[]},{"token":"b","logprob":-0.25}],"refusal":null}}]}`)
	chat, err := remote.Chat(ctx, &hud.ChatRequest{Model: "m", ReturnTokenIDs: true})
	if err != nil || !reflect.DeepEqual(*chat, hud.ChatResponse{ID: "r", Model: "served", CheckpointID: hud.CheckpointUnknown, Usage: hud.Usage{PromptTokens: 3, CompletionTokens: 2}, Choices: []hud.Choice{{
		Message: hud.Message{Role: "assistant"}, FinishReason: "tool_calls", PromptTokenIDs: []int{1, 2, 3}, TokenIDs: []int{4, 5}, Logprobs: []float32{-0.5, -0.25}}}}) {
		t.Errorf("got %+v, %v", chat, err)
	}

	remote, _ = cannedRemote(t, `{"data":[{"mask":[0,1,1.0],"logprobs":[-0.20000000298023224, -1e-45, 0],"reward":1,"traj_idx":0,"sampling_logprobs":[0, -0.2, 1],"later":null},
		{"reward":0.5,"traj_idx":1,"group_idx":3,"logprobs":[],"sampling_logprobs":[],"mask":[]}],"forward_id":12,"more":1}`)
	fwd, err := remote.Forward(ctx, "m", &hud.ForwardRequest{Inputs: []hud.TrainInput{{TraceID: "t"}}, RewardScale: 1})
	if err != nil || fwd.ForwardID != "12" || !reflect.DeepEqual(*fwd.Data, hud.Packed{
		Offsets: []int{0, 3, 3}, Logprobs: []float32{-0.2, -math.SmallestNonzeroFloat32, 0}, SamplingLogprobs: []float32{0, -0.2, 1}, Mask: []float32{0, 1, 1},
		Reward: []float64{1, 0.5}, TrajIdx: []int{0, 1}, GroupIdx: []int{-1, 3}}) {
		t.Errorf("got %+v, %v", fwd, err)
	}
}

// A catalog of several pages is read to its end.
func TestModelsComeInPages(t *testing.T) {
	t.Parallel()
	const total = 250
	for _, lost := range []bool{false, true} {
		var asked []string
		server := hudtest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.RawQuery)
			offset := 0
			fmt.Sscanf(r.URL.RawQuery, "limit=100&offset=%d", &offset)
			var items []string
			for i := offset; i < min(offset+100, total) && !(lost && offset == 200); i++ {
				items = append(items, fmt.Sprintf(`{"id":"%d"}`, i))
			}
			fmt.Fprintf(w, `{"total":%d,"items":[%s]}`, total, strings.Join(items, ","))
		}))
		remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: testKey, APIURL: server.URL}, DialContext: server.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		models, err := remote.Models(t.Context())
		remote.Close()
		if lost {
			if err == nil || !strings.Contains(err.Error(), "200 models of 250") {
				t.Errorf("got %d models, %v, want an error about the empty page", len(models), err)
			}
			continue
		}
		if want := []string{"", "limit=100&offset=100", "limit=100&offset=200"}; err != nil || len(models) != total || models[249].ID != "249" || !slices.Equal(asked, want) {
			t.Errorf("got %d models by %v, %v, want %d by %v", len(models), asked, err, total, want)
		}
	}
}

// What cannot be understood is an error that says where.
func TestAnswersThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	forward := func(ctx context.Context, r *hud.Remote) error {
		_, err := r.Forward(ctx, "m", &hud.ForwardRequest{Inputs: []hud.TrainInput{{TraceID: "t"}}, RewardScale: 1})
		return err
	}
	models := func(ctx context.Context, r *hud.Remote) error { _, err := r.Models(ctx); return err }
	step := func(ctx context.Context, r *hud.Remote) error {
		_, err := r.OptimStep(ctx, "m", &hud.OptimStepRequest{LearningRate: 1})
		return err
	}
	pass := func(ctx context.Context, r *hud.Remote) error {
		_, err := r.Backward(ctx, "m", &hud.BackwardRequest{ForwardID: "f", Weights: [][]float32{{1}}})
		return err
	}
	chat := func(ctx context.Context, r *hud.Remote) error {
		_, err := r.Chat(ctx, &hud.ChatRequest{Model: "m", ReturnTokenIDs: true})
		return err
	}
	for _, tt := range []struct {
		answer string
		call   func(context.Context, *hud.Remote) error
		want   string
	}{
		{`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"logprobs":[1,NaN],"sampling_logprobs":[1],"mask":[1]}]}`, forward, "data[1].logprobs[2]: got NaN, want a number"},
		{`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"logprobs":[1,null],"sampling_logprobs":[1],"mask":[1]}]}`, forward, "data[1].logprobs[2]: got null, want a number"},
		{`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"logprobs":[1,-Infinity],"sampling_logprobs":[1],"mask":[1]}]}`, forward, "data[1].logprobs[2]: got -Infinity, want a number"},
		{`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"logprobs":[1,2],"sampling_logprobs":[1],"mask":[1,1]}]}`, forward, "data[1]: got 2 logprobs, 1 sampling_logprobs and 2 values of mask"},
		{`{"forward_id":"f","data":[{"traj_idx":0,"logprobs":[],"sampling_logprobs":[],"mask":[]}]}`, forward, "data[1].reward: missing"},
		{`{"forward_id":"f","data":[{"reward":null,"traj_idx":0,"logprobs":[],"sampling_logprobs":[],"mask":[]}]}`, forward, "data[1].reward: missing"},
		{`{"forward_id":"f","data":[{"reward":1,"logprobs":[],"sampling_logprobs":[],"mask":[]}]}`, forward, "data[1].traj_idx: missing"},
		{`{"forward_id":"f","data":[{"reward":1,"traj_idx":0.5,"logprobs":[],"sampling_logprobs":[],"mask":[]}]}`, forward, "data[1].traj_idx: got 0.5, want a whole number"},
		{`{"forward_id":"f","data":[{"reward":1,"reward":1}]}`, forward, "data[1].reward: the key comes twice"},
		{`{"data":[]}`, forward, "forward_id: missing"},
		{`{"forward_id":"f"}`, forward, "data: missing"},
		{`{"forward_id":"f","data":[]} {}`, forward, "got an object, want the end of the text"},
		{`{"forward_id":"f","data":[`, forward, "data[1]: the text ends after 26 bytes"},
		{`[]`, models, "got a list, want an object"},
		{`{}`, models, "items: missing"},
		{`{"items":[1]}`, models, "items[1]: got 1, want an object"},
		{`{"items":[{"id":"a"}],"x":` + strings.Repeat("[", 100), models, "nested more than 64 deep"},
		{`{"step":1}`, step, "checkpoint_id: missing"},
		{`{"step":"one","checkpoint_id":"c"}`, step, `step: got "one", want a number`},
		{`{"metrics":{}}`, pass, "num_datums: missing"},
		{`{"metrics":{"a":"NaN"},"num_datums":1}`, pass, `metrics.a: got "NaN", want a number`},
		{`{"choices":[]}`, chat, "choices: got none, want at least 1"},
		{`{"choices":[{"token_ids":[1,2],"logprobs":{"content":[{"logprob":-1}]}}]}`, chat, "choice 1: the service answered 1 logprobs for 2 tokens"},
	} {
		remote, server := cannedRemote(t, tt.answer)
		err := tt.call(t.Context(), remote)
		var e *hud.Error
		if !errors.As(err, &e) || e.Code != hud.CodeServer || !strings.Contains(err.Error(), tt.want) || len(server.got) != 1 {
			t.Errorf("%.60s: got %v after %d calls, want %s after one", tt.answer, err, len(server.got), tt.want)
		}
	}
}

// An answer without an end is cut.
func TestAnswersHaveALimit(t *testing.T) {
	t.Parallel()
	remote, _ := cannedRemote(t, `{"items":[`+strings.Repeat(`{"id":"a"},`, 1000)+`{}]}`, func(c *hud.Config) { c.MaxResponse = 1000 })
	if _, err := remote.Models(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
		t.Errorf("got %v, want a limit of 1000 bytes", err)
	}
}

// Samples of a service that does not say which checkpoint it sampled have no
// lag, not that of the base weights.
func TestLagOfUnknownCheckpoints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.step()
	c := hud.NewTrainingClient(r.remote, hudtest.FakeModel, hud.TrainingClientOptions{})
	for id, want := range map[string]bool{"": true, hud.CheckpointUnknown: false} {
		in := inputs()
		batch := make([]hud.Item, len(in))
		for i := range in {
			in[i].Payload.Samples[0].Sampling = &hud.SamplingInfo{Temperature: 1, CheckpointID: id}
			batch[i] = in[i].Payload
		}
		res, err := c.ForwardBackward(t.Context(), batch, hud.ForwardBackwardOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if lag, ok := res.Metrics["policy_lag:max"]; ok != want || ok && lag != 1 {
			t.Errorf("checkpoint %q: got lag %v, %v, want one: %v", id, lag, ok, want)
		}
	}
}

// Headers have a limit too.
func TestHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	large := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 1<<20))
		io.WriteString(w, `{"step":1,"checkpoint_id":"c"}`)
	})
	server := hudtest.NewServer(t, large)
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: testKey, RLURL: server.URL}, DialContext: server.DialContext})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	_, err = remote.OptimStep(t.Context(), "m", &hud.OptimStepRequest{LearningRate: 1})
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeNetwork || !e.Unknown || server.Seen("optim-step") != 1 {
		t.Errorf("got %v after %d calls, want a network error after one, in doubt", err, server.Seen("optim-step"))
	}
}

// A model is found through the list where the service cannot resolve it.
func TestResolutionFallsBackToTheList(t *testing.T) {
	t.Parallel()
	const id = "3f0e5a10-0000-4000-8000-00000000000a"
	var paths []string
	server := hudtest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path)
		switch {
		case strings.HasSuffix(r.URL.Path, "resolve"):
			w.WriteHeader(404)
			io.WriteString(w, `{"detail":"no such slug"}`)
		case strings.HasSuffix(r.URL.Path, "models"):
			io.WriteString(w, `{"items":[{"id":"other","name":"Other"},{"id":"`+id+`","name":"My Model","model_name":"my-model"}]}`)
		default:
			io.WriteString(w, `{"losses":[]}`)
		}
	}))
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: testKey, APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}, DialContext: server.DialContext})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	const used = "GET /v1/models/" + id + "/train/losses"
	for name, want := range map[string][]string{
		"My Model": {"GET /v2/models/resolve", "GET /v2/models", used, used},
		// A UUID in any spelling needs no question.
		"{3F0E5A10-0000-4000-8000-00000000000A}": {used, used},
	} {
		paths = nil
		c := hud.NewTrainingClient(remote, name, hud.TrainingClientOptions{})
		for range 2 { // the id is remembered
			if _, err := c.AvailableLosses(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(paths, want) {
			t.Errorf("%s: asked %v, want %v", name, paths, want)
		}
	}
	_, err = hud.NewTrainingClient(remote, "nobody", hud.TrainingClientOptions{}).AvailableLosses(t.Context())
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeNotFound || e.Detail != "Model 'nobody' not found. Run `hud models` to list available models." {
		t.Errorf("got %v, want HUD's words", err)
	}
}
