package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// What HUD's protocol lacks is read as strictly as what it has, and needs the
// key as well.
func TestExtensions(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	m, err := fake.Resolve(t.Context(), hudtest.FakeModel)
	if err != nil {
		t.Fatal(err)
	}
	reference := "/hudrl/v1/models/" + m.ID + "/train/reference"
	const inputs = `[{"samples":[{"prompt_token_ids":[1],"output_token_ids":[2,3]}],"reward":1}]`
	h := serve.Handler(fake, serve.Options{APIKey: "hud-k", MaxBody: 4096})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/hudrl/v1", "", 200, `{"extensions":["min_datums","reference","stream","tokenizer"]}`},
		{"GET", "/hudrl/v1/tokenizer", "", 200, `{"kind":"bytes","vocab":262,"bos":256,"roles":{"assistant":259,"system":257,"tool":260,"user":258},"end":261}`},
		{"GET", "/hudrl/v1/tokenizer?model=" + m.ModelName, "", 200, `"kind":"bytes"`},
		{"POST", "/hudrl/v1/tokenizer", "{}", 405, "got POST, want GET"},
		{"POST", reference, `{"inputs":` + inputs + `,"checkpoint":"` + m.ID + `","group_size":1}`, 200, `{"data":[{"reward":1,"traj_idx":0,"group_idx":0,"logprobs":[`},
		{"POST", reference, `{"inputs":` + inputs + `}`, 422, "checkpoint: missing"},
		{"POST", reference, `{"inputs":` + inputs + `,"checkpoint":""}`, 422, "checkpoint: got an empty name"},
		{"POST", reference, `{"inputs":` + inputs + `,"checkpoint":null}`, 422, "checkpoint: got null, want a string"},
		{"POST", reference, `{"inputs":` + inputs + `,"checkpoint":"x","chekpoint":"y"}`, 422, "chekpoint: unknown field, want inputs, group_size, reward_scale, checkpoint"},
		{"POST", reference, `{"inputs":` + inputs + `,"checkpoint":"nowhere"}`, 404, "nowhere"},
		{"POST", reference, `{"inputs":[` + strings.Repeat(" ", 5000) + `]}`, 413, "more than 4096 bytes"},
		{"POST", "/hudrl/v1/models/nobody/train/reference", `{"inputs":` + inputs + `,"checkpoint":"x"}`, 404, "nobody"},
		// The protocol's own request has no such field.
		{"POST", "/v1/models/" + m.ID + "/train/forward", `{"inputs":` + inputs + `,"checkpoint":"x"}`, 422, "checkpoint: unknown field"},
		{"GET", "/hudrl/v1/secrets", "", 404, "no such path"},
	} {
		for _, key := range []string{"hud-k", "another"} {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+key)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			status, want := c.status, c.want
			if key != "hud-k" {
				status, want = 401, "missing or invalid API key"
			}
			if w.Code != status || !strings.Contains(w.Body.String(), want) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s %s %s: got %d %s, want %d %s", c.method, c.path, c.body, w.Code, w.Body, status, want)
			}
		}
	}
}

// plain is a service and nothing more.
type plain struct{ hud.Service }

// undefined hands out a tokenizer that cannot be sent.
type undefined struct{ hud.Service }

func (undefined) Tokenizer(context.Context, string) (hud.Tokenizer, error) {
	return struct{ hud.Tokenizer }{}, nil
}

func TestServicesWithoutTokenizers(t *testing.T) {
	t.Parallel()
	for want, svc := range map[string]hud.Service{
		"the service hands out no tokenizers":                 plain{hudtest.NewFake()},
		"this tokenizer cannot be sent: it has no definition": undefined{hudtest.NewFake()},
	} {
		_, err := overHTTP(t, svc, serve.Options{}).Tokenizer(t.Context(), "")
		var e *hud.Error
		if !errors.As(err, &e) || e.Code != hud.CodeValidation || e.Detail != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A mirror keeps what it was asked and answers what it was told to.
type mirror struct {
	hud.Service
	asked  any
	answer any
}

func mirrored[T any](m *mirror, req any) (T, error) {
	m.asked = req
	return m.answer.(T), nil
}

func (m *mirror) ForwardBackward(_ context.Context, _ string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return mirrored[*hud.ForwardBackwardResult](m, req)
}
func (m *mirror) Forward(_ context.Context, _ string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return mirrored[*hud.ForwardResult](m, req)
}
func (m *mirror) Backward(_ context.Context, _ string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return mirrored[*hud.ForwardBackwardResult](m, req)
}
func (m *mirror) OptimStep(_ context.Context, _ string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return mirrored[*hud.OptimStepResult](m, req)
}
func (m *mirror) Chat(_ context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return mirrored[*hud.ChatResponse](m, req)
}
func (m *mirror) Checkpoints(_ context.Context, id string) ([]hud.Checkpoint, error) {
	return mirrored[[]hud.Checkpoint](m, id)
}
func (m *mirror) Models(context.Context) ([]hud.Model, error) { return mirrored[[]hud.Model](m, nil) }
func (m *mirror) Fork(_ context.Context, id, name string) (hud.Model, error) {
	return mirrored[hud.Model](m, id+" "+name)
}

// kept are fields that stay with the caller.
var kept = []string{"Extra", "Sampling", "Stream", "State", "RefLogprobs", "Advantage"}

// full is a value whose every field is set to something of its own.
func full[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), "", &n)
	return v
}

func fill(v reflect.Value, name string, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`{"type":"object"}`))
		return
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2024, 2, 3, 4, 5, 6, *n, time.UTC)))
		return
	case v.Type() == reflect.TypeFor[hud.ToolChoice]():
		v.SetString("Name3") // a tool's
		return
	case v.Type() == reflect.TypeFor[hud.TrainInput]():
		// One or the other.
		v.Set(reflect.ValueOf(hud.TrainInput{Payload: &hud.TrajectoryPayload{}}))
		fill(v.FieldByName("Payload").Elem(), name, n)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(1<<63 + uint64(*n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(1) / float32(*n+2)))
	case reflect.String:
		v.SetString(name + "€")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), name, n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, name, n)
		v.SetMapIndex(reflect.ValueOf("loss:sum"), value)
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if !slices.Contains(kept, f.Name) {
				fill(v.FieldByIndex(f.Index), f.Name, n)
			}
		}
	}
}

// Everything that a request and an answer may hold crosses the wire: what is
// set here arrives there.
func TestEverythingCrossesTheWire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	packed := func(id string) *hud.ForwardResult {
		return &hud.ForwardResult{ForwardID: id, Data: &hud.Packed{
			Offsets: []int{0, 2, 3}, Logprobs: []float32{-0.1, -2, -1e-7}, SamplingLogprobs: []float32{0, -1, -3}, Mask: []float32{0, 1, 1},
			Reward: []float64{0.5, 1. / 3}, TrajIdx: []int{0, 1}, GroupIdx: []int{0, -1},
		}}
	}
	pass := full[*hud.ForwardBackwardRequest]()
	forward := full[*hud.ForwardRequest]()
	forward.Checkpoint = ""
	reference := full[*hud.ForwardRequest]()
	backward := full[*hud.BackwardRequest]()
	step := full[*hud.OptimStepRequest]()
	chat := full[*hud.ChatRequest]()
	chat.Tools[0].Name, chat.Tools[1].Name = "Name1", "Name3"
	chat.Messages[0].Role, chat.Messages[1].Role = "system", "assistant"
	chat.LogprobsMode, chat.TopLogprobs, chat.N, chat.ContinuationFrom = "processed", 3, 2, 1
	res := full[*hud.ChatResponse]()
	for i := range res.Choices { // an answer answers no call
		res.Choices[i].Message.ToolCallID, res.Choices[i].Message.Name = "", ""
	}
	tree := full[[]hud.Checkpoint]()
	models := full[[]hud.Model]()
	for _, c := range []struct {
		name          string
		asked, answer any
		call          func(*hud.Remote) (any, error)
	}{
		{"forward_backward", pass, full[*hud.ForwardBackwardResult](), func(r *hud.Remote) (any, error) { return r.ForwardBackward(ctx, "m", pass) }},
		{"forward", forward, packed("f"), func(r *hud.Remote) (any, error) { return r.Forward(ctx, "m", forward) }},
		{"reference", reference, packed(""), func(r *hud.Remote) (any, error) { return r.Forward(ctx, "m", reference) }},
		{"backward", backward, full[*hud.ForwardBackwardResult](), func(r *hud.Remote) (any, error) { return r.Backward(ctx, "m", backward) }},
		{"optim_step", step, full[*hud.OptimStepResult](), func(r *hud.Remote) (any, error) { return r.OptimStep(ctx, "m", step) }},
		{"chat", chat, res, func(r *hud.Remote) (any, error) { return r.Chat(ctx, chat) }},
		{"checkpoints", "m", tree, func(r *hud.Remote) (any, error) { return r.Checkpoints(ctx, "m") }},
		{"models", nil, models, func(r *hud.Remote) (any, error) { return r.Models(ctx) }},
		{"fork", "m the name", models[0], func(r *hud.Remote) (any, error) { return r.Fork(ctx, "m", "the name") }},
	} {
		m := &mirror{Service: hudtest.NewFake(), answer: c.answer}
		got, err := c.call(overHTTP(t, m, serve.Options{}))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, side := range []struct {
			what      string
			got, want any
		}{{"request", m.asked, c.asked}, {"answer", got, c.answer}} {
			if x, y := told(t, side.got), told(t, side.want); x != y {
				t.Errorf("%s: the %s arrived as\n%s\nwant\n%s", c.name, side.what, x, y)
			}
		}
	}
}

// told is a value as text, also the fields that JSON leaves out.
func told(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	switch v := v.(type) {
	case *hud.ChatRequest:
		return string(text) + " " + v.TraceID
	case *hud.ForwardRequest:
		return string(text) + " " + v.Checkpoint
	}
	return string(text)
}
