package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A desk is a handler over a fake with one model.
type desk struct {
	http.Handler
	fake  *hudtest.Fake
	model string
}

func newDesk(t testing.TB, o serve.Options) *desk {
	t.Helper()
	fake := hudtest.NewFake()
	models, err := fake.Models(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return &desk{serve.Handler(fake, o), fake, models[0].ID}
}

// send sends a request; MODEL in the path is the model's id.
func (d *desk) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, strings.ReplaceAll(path, "MODEL", d.model), strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

const (
	sample  = `{"prompt_token_ids":[1,2],"output_token_ids":[3,4],"output_logprobs":[-0.2,-0.1]}`
	inputs  = `[{"samples":[` + sample + `],"reward":1},{"samples":[` + sample + `],"reward":0}]`
	forward = "/v1/models/MODEL/train/forward"
	back    = "/v1/models/MODEL/train/backward"
	both    = "/v1/models/MODEL/train/forward-backward"
	step    = "/v1/models/MODEL/train/optim-step"
	chat    = "/chat/completions"
)

// A request that is wrong is answered with a sentence that says where, and
// never reaches the service.
func TestStrictRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, serve.Options{})
	for _, tt := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"POST", both, `{"inputs":` + inputs + `,"groupsize":2}`, 422, "groupsize: unknown field, want inputs, loss_fn, "},
		{"POST", both, `{}`, 422, "inputs: missing"},
		{"POST", both, `{"inputs":null}`, 422, "inputs: got null, want a list"},
		{"POST", both, `{"inputs":[null]}`, 422, "inputs[1]: got null, want a trace id or a trajectory object"},
		{"POST", both, `{"inputs":["t",{"samples":[{"output_token_ids":[1,null]}],"reward":1}]}`, 422, "inputs[2].samples[1].output_token_ids[2]: got null, want a whole number"},
		{"POST", both, `{"inputs":[{"samples":[{"output_token_ids":[1],"logprobs":[]}],"reward":1}]}`, 422, "samples[1].logprobs: unknown field, want prompt_token_ids, "},
		{"POST", both, `{"inputs":[{"samples":[` + sample + `]}]}`, 422, "reward: missing"},
		{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":NaN}]}`, 422, "inputs[1].reward: got NaN, want a value"},
		{"POST", both, `{"inputs":` + inputs + `,"group_size":0}`, 422, "group_size: got 0, want at least 1"},
		{"POST", both, `{"inputs":` + inputs + `,"num_substeps":1.5}`, 422, "num_substeps: got 1.5, want a whole number"},
		{"POST", both, `{"inputs":` + inputs + `,"loss_fn_config":{"beta":null}}`, 422, "loss_fn_config.beta: got null, want a number"},
		{"POST", both, `{"inputs":` + inputs + `,"reward_scale":1,"reward_scale":2}`, 422, "reward_scale: the key comes twice"},
		{"POST", both, `{"inputs":` + inputs + `} x`, 422, "got x, want the end of the text"},
		{"POST", both, `{"inputs":` + inputs, 422, "the text ends after"},
		{"POST", both, `{"inputs":` + strings.Repeat("[", 1000), 422, "nested more than 64 deep"},
		{"POST", both, `<html>`, 422, "got <html>, want an object"},
		{"POST", forward, `{"inputs":` + inputs + `,"loss_fn":"ppo"}`, 422, "loss_fn: unknown field, want inputs, group_size, reward_scale"},
		{"POST", back, `{"forward_id":"f","weights":[[1,null]],"metrics":{}}`, 422, "weights[1][2]: got null, want a number"},
		{"POST", back, `{"forward_id":"f","weights":[[1e39]],"metrics":{}}`, 422, "weights[1][1]: got 1e+39, want a number that float32 can hold"},
		{"POST", back, `{"weights":[[1]],"metrics":{}}`, 422, "forward_id: missing"},
		{"POST", back, `{"forward_id":7,"weights":[[1]],"metrics":{}}`, 422, "forward_id: got 7, want a string"},
		{"POST", step, `{"learning_rate":"fast"}`, 422, `learning_rate: got "fast", want a number`},
		{"POST", step, `{}`, 422, "learning_rate: missing"},
		{"POST", "/v2/models/fork", `{"source_model_id":"x"}`, 422, "name: missing"},
		{"PUT", "/v2/models/MODEL/head", `{"checkpoint_id":null}`, 422, "checkpoint_id: got null, want a string"},
		{"GET", "/v2/models/resolve", ``, 422, "model: missing"},
		{"POST", chat, `{"model":"m"}`, 422, "messages: missing"},
		{"POST", chat, `{"model":"m","messages":[{"content":"x"}]}`, 422, "messages[1].role: missing"},
		{"POST", chat, `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}`, 422, "messages[1].content[1].type: got image_url, want text"},
		{"POST", chat, `{"model":"m","messages":[{"role":"user","content":"x","colour":1}]}`, 422, "messages[1].colour: unknown field"},
		{"POST", chat, `{"model":"m","messages":[],"stream_options":{"include_usage":true}}`, 422, "stream_options: got some, want none without stream"},
		{"POST", chat, `{"model":"m","messages":[],"stream":true,"stream_options":{"include":true}}`, 422, "stream_options.include: unknown field"},
		{"POST", chat, `{"model":"m","messages":[],"tools":[{"type":"function"}]}`, 422, "tools[1].function: missing"},
		{"POST", chat, `{"model":"m","messages":[],"tools":[{"type":"custom","function":{"name":"f"}}]}`, 422, "tools[1].type: got custom, want function"},
		{"POST", chat, `{"model":"m","messages":[],"tools":[{"function":{"name":"f","params":{}}}]}`, 422, "tools[1].function.params: unknown field"},
		{"POST", chat, `{"model":"m","messages":[],"functions":[{"name":"f"}]}`, 422, "functions[1]: got one, want none: functions are tools now"},
		{"POST", chat, `{"model":"m","messages":[],"function_call":{"name":"f"}}`, 422, `function_call: got {"name":"f"}, want "none": functions are tools now`},
		{"POST", chat, `{"model":"m","messages":[],"tool_choice":"any"}`, 422, "tool_choice: got any, want auto, none, required or an object that names a function"},
		{"POST", chat, `{"model":"m","messages":[],"tool_choice":{"type":"function"}}`, 422, "tool_choice.function: missing"},
		{"POST", chat, `{"model":"m","messages":[],"parallel_tool_calls":1}`, 422, "parallel_tool_calls: got 1, want true or false"},
		{"POST", chat, `{"model":"m","messages":[],"response_format":{"type":"json_object"}}`, 422, `response_format: got {"type":"json_object"}, want {"type":"text"}`},
		{"POST", chat, `{"model":"m","messages":[],"frequency_penalty":0.5}`, 422, "frequency_penalty: got 0.5, want 0"},
		{"POST", chat, `{"model":"m","messages":[],"top_logprobs":"5"}`, 422, `top_logprobs: got "5", want a whole number`},
		{"POST", chat, `{"model":"m","messages":[],"reasoning_effort":"high"}`, 422, `reasoning_effort: got "high", want "none": the models do not reason`},
		{"POST", chat, `{"model":"m","messages":[],"modalities":["text","audio"]}`, 422, `modalities: got ["text","audio"], want ["text"]`},
		{"POST", chat, `{"model":"m","messages":[],"repetition_penalty":1.1}`, 422, "repetition_penalty: got 1.1, want 1"},
		{"POST", chat, `{"model":"m","messages":[],"max_tokens":3,"max_completion_tokens":4}`, 422, "max_completion_tokens: got 4 beside a max_tokens of 3"},
		{"POST", chat, `{"model":"m","messages":[],"logit_bias":{"5":-100}}`, 422, `logit_bias: got {"5":-100}, want {}`},
		{"POST", chat, `{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"x"}]}]}`, 422, "messages[2].tool_calls[1].function: missing"},
		{"POST", chat, `{"model":"m","messages":[{"role":"assistant","function_call":{"name":"f"}}]}`, 422, "messages[1].function_call: got one, want tool_calls"},
		{"POST", chat, `{"model":"m","messages":[],"max_tokens":0}`, 422, "max_tokens: got 0, want at least 1"},
		{"POST", "/v2/trace/abc/exit", `{"reward":1}`, 422, "status: missing"},
		{"GET", "/v2/models?limit=-1", ``, 422, `limit: got "-1", want a whole number`},
		{"POST", "/trace/t/telemetry-upload", `{"spans":[]}`, 422, "spans: unknown field, want telemetry"},
		{"POST", "/trace/t/telemetry-upload", `{"telemetry":[1]}`, 422, "telemetry[1]: got 1, want an object"},
		{"GET", "/v3/models", ``, 404, "no such path: /v3/models"},
		{"GET", "/v2/models/", ``, 200, ""}, // what is on the way is one place
		{"GET", "//v2//models", ``, 200, ""},
		{"DELETE", "/v2/models", ``, 405, "/v2/models: got DELETE, want GET"},
		{"GET", "/v2/models/MODEL/head", ``, 405, "want PUT"},
		{"GET", "/v2/models/../../etc", ``, 404, "no such path: /etc"},
	} {
		before := len(d.fake.Calls())
		w := d.send(tt.method, tt.path, tt.body)
		var answer struct {
			Detail string   `json:"detail"`
			Code   hud.Code `json:"code"`
		}
		if w.Code != tt.status || w.Header().Get("Location") != "" {
			t.Errorf("%s %s %.80s: got status %d (%s), want %d", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status)
		}
		if tt.status == 200 {
			continue
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || !strings.Contains(answer.Detail, tt.detail) || answer.Code == "" {
			t.Errorf("%s %s %.80s: got %s, want %q and a code", tt.method, tt.path, tt.body, w.Body, tt.detail)
		}
		if len(d.fake.Calls()) != before {
			t.Errorf("%s %s %.80s: the service was asked", tt.method, tt.path, tt.body)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-8"} {
		w := d.send("POST", step, `{"learning_rate":1}`, "Content-Type", kind)
		if want := kind[:min(len(kind), 16)] == "application/json"; (w.Code != 415) != want {
			t.Errorf("Content-Type %q: got status %d", kind, w.Code)
		}
	}
}

// Absent and null are the same where the protocol allows either.
func TestOptionalMembers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, serve.Options{})
	for _, body := range []string{
		`{"inputs":` + inputs + `}`,
		`{"inputs":` + inputs + `,"loss_fn":"ppo","loss_fn_config":null,"group_size":null,"reward_scale":1.0,"num_substeps":1}`,
		`{"inputs":` + inputs + `,"loss_fn_config":{},"group_size":2}`,
	} {
		if w := d.send("POST", both, body); w.Code != 200 {
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
	}
	if w := d.send("POST", step, `{"learning_rate":0.1,"beta1":0.9,"beta2":0.95,"eps":1e-8,"weight_decay":0.0}`); w.Code != 200 {
		t.Errorf("optim-step: got %d %s", w.Code, w.Body)
	}
	body := `{"model":"fake/bigram","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"x","content":"c"}],` +
		`"prompt_token_ids":[1,2],"continuation_from":2,"max_tokens":3,"seed":-1,"stop":"q","temperature":null,"return_token_ids":true,"logprobs":true,"stream":false}`
	if w := d.send("POST", chat, body); w.Code != 200 {
		t.Errorf("chat: got %d %s", w.Code, w.Body)
	}
	calls := d.fake.Calls()
	req := calls[len(calls)-1].Req.(*hud.ChatRequest)
	if *req.Seed != math.MaxUint64 || req.Messages[1].Content != "ab" || req.Messages[2].Content != "" || req.Messages[3].Content != "c" || req.Messages[3].ToolCallID != "x" ||
		!slices.Equal(req.Messages[2].ToolCalls, []hud.ToolCall{{ID: "x", Name: "f", Arguments: "{}"}}) || !slices.Equal(req.Stop, []string{"q"}) {
		t.Errorf("the service was asked %+v", req)
	}
}

// Answers have exactly the protocol's members, and no null where a client
// breaks on one.
func TestAnswersOnTheWire(t *testing.T) {
	t.Parallel()
	d := newDesk(t, serve.Options{})
	get := func(method, path, body string) any {
		t.Helper()
		w := d.send(method, path, body, "Trace-Id", "abc")
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%s %s: got %d, %s, %s", method, path, w.Code, w.Header(), w.Body)
		}
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
		return v
	}
	members := func(what string, v any, want ...string) map[string]any {
		t.Helper()
		m, ok := v.(map[string]any)
		var got []string
		for name := range m {
			got = append(got, name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s: got members %v, want %v", what, got, want)
		}
		return m
	}
	if v := get("GET", "/v2/models/MODEL/checkpoints", ""); fmt.Sprint(v) != "[]" {
		t.Errorf("checkpoints of a new model: got %v, want []", v)
	}
	members("losses", get("GET", "/v1/models/MODEL/train/losses", ""), "losses")
	pass := members("forward-backward", get("POST", both, `{"inputs":`+inputs+`}`), "metrics", "num_datums")
	if pass["num_datums"] != 2.0 {
		t.Errorf("got %v, want 2 datums", pass)
	}
	fwd := members("forward", get("POST", forward, `{"inputs":`+inputs+`,"group_size":2}`), "forward_id", "data")
	for _, datum := range fwd["data"].([]any) {
		m := members("datum", datum, "reward", "traj_idx", "group_idx", "logprobs", "sampling_logprobs", "mask")
		if len(m["logprobs"].([]any)) != 3 || len(m["mask"].([]any)) != 3 || len(m["sampling_logprobs"].([]any)) != 3 || m["group_idx"] != 0.0 {
			t.Errorf("got datum %v", m)
		}
	}
	ungrouped := get("POST", forward, `{"inputs":`+inputs+`}`).(map[string]any)["data"].([]any)[0].(map[string]any)
	if idx, there := ungrouped["group_idx"]; !there || idx != nil {
		t.Errorf("without group_size: got group_idx %v, want null", idx)
	}
	members("backward", get("POST", back, fmt.Sprintf(`{"forward_id":%q,"weights":[[0,1,1],[0,0,1]],"metrics":{}}`, fwd["forward_id"])), "metrics", "num_datums")
	stepped := members("optim-step", get("POST", step, `{"learning_rate":0.1}`), "step", "checkpoint_id", "sampler_path", "state_path", "model")
	members("head", get("PUT", "/v2/models/MODEL/head", fmt.Sprintf(`{"checkpoint_id":%q}`, stepped["checkpoint_id"])))
	c := members("checkpoint", get("GET", "/v2/models/MODEL/checkpoints", "").([]any)[0], "id", "name", "checkpoint_name", "prev_model_checkpoint_id", "is_active",
		"created_at", "num_traces", "num_datums", "num_tokens", "mean_reward", "learning_rate", "loss_fn", "metrics", "step")
	if c["is_active"] != true || c["metrics"] == nil || c["prev_model_checkpoint_id"] != nil {
		t.Errorf("got checkpoint %v", c)
	}
	model := members("model", get("GET", "/v2/models", "").(map[string]any)["items"].([]any)[0], "id", "name", "model_name", "sdk_agent_type", "is_trainable", "provider")
	if model["sdk_agent_type"] != "openai_compatible" || model["is_trainable"] != true || model["provider"].(map[string]any)["name"] == nil {
		t.Errorf("got model %v", model)
	}
	for query, want := range map[string]int{"": 1, "?limit=100&offset=0": 1, "?limit=0": 0, "?offset=1": 0, "?offset=9&limit=1": 0} {
		page := members("models"+query, get("GET", "/v2/models"+query, ""), "items", "total")
		if len(page["items"].([]any)) != want || page["total"] != 1.0 {
			t.Errorf("models%s: got %v, want %d of 1", query, page, want)
		}
	}
	members("resolve", get("GET", "/v2/models/resolve?model=fake%2Fbigram", ""), "id", "name", "model_name", "sdk_agent_type", "is_trainable", "provider")
	members("fork", get("POST", "/v2/models/fork", fmt.Sprintf(`{"source_model_id":%q,"name":"f"}`, d.model)), "id", "name", "model_name", "sdk_agent_type", "is_trainable", "provider")

	for _, path := range []string{chat, "/v1" + chat} {
		res := members("chat", get("POST", path, `{"model":"fake/bigram","messages":[{"role":"user","content":"hi"}],"max_tokens":4,"seed":1,"return_token_ids":true}`),
			"id", "object", "created", "model", "choices", "usage", "checkpoint_id")
		members("usage", res["usage"], "prompt_tokens", "completion_tokens", "total_tokens")
		choice := members("choice", res["choices"].([]any)[0], "index", "message", "finish_reason", "logprobs", "prompt_token_ids", "token_ids")
		members("message", choice["message"], "role", "content")
		content := choice["logprobs"].(map[string]any)["content"].([]any)
		if len(content) == 0 || len(content) != len(choice["token_ids"].([]any)) {
			t.Errorf("got %d logprobs for the tokens %v", len(content), choice["token_ids"])
		}
		members("logprob", content[0], "token", "logprob", "bytes", "top_logprobs")
	}
	plain := get("POST", chat, `{"model":"fake/bigram","messages":[{"role":"user","content":"hi"}],"max_tokens":4}`).(map[string]any)
	members("choice without capture", plain["choices"].([]any)[0], "index", "message", "finish_reason", "logprobs")
	for _, path := range []string{"/v2/trace/job/j/enter", "/v2/trace/abc/enter"} {
		members(path, get("POST", path, `{}`))
	}
	members("enter", get("POST", "/v2/trace/abc/enter", `{"job_id":"j","group_id":"g","task_slug":"t","model":"m","parent_trace_id":"abd"}`))
	members("exit", get("POST", "/v2/trace/abc/exit", `{"status":"completed","reward":1,"stop_reason":"done","evaluation_result":{"x":[1]},"metadata":null}`))
	if w := d.send("POST", both, `{"inputs":["A-B-C"],"loss_fn":"cross_entropy"}`); w.Code != 200 {
		t.Errorf("a trace by its id: got %d %s", w.Code, w.Body)
	}
}

// What JSON cannot carry is left out of metrics, and fails a batch.
func TestNumbersThatJSONCannotCarry(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := newDesk(t, serve.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	d.fake.After = func(op string, res any) error {
		switch res := res.(type) {
		case *hud.ForwardBackwardResult:
			res.Metrics = map[string]float64{"good": 1, "bad": math.NaN(), "worse": math.Inf(-1)}
		case *hud.ForwardResult:
			res.Data.Logprobs[1] = float32(math.Inf(1))
		}
		return nil
	}
	if w := d.send("POST", both, `{"inputs":`+inputs+`}`); w.Code != 200 || !strings.Contains(w.Body.String(), `{"metrics":{"good":1},"num_datums":2}`) {
		t.Errorf("got %d %s, want the metric that is a number", w.Code, w.Body)
	}
	if w := d.send("POST", forward, `{"inputs":`+inputs+`}`); w.Code != 500 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("got %d %s, want 500", w.Code, w.Body)
	}
	for _, part := range []string{"name=bad", "name=worse", "position 2 is +Inf"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %q: %s", part, &log)
		}
	}
}

func TestErrorsOfTheService(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		want   string
	}{
		{&hud.Error{Code: hud.CodeNoGradient, Detail: "nothing", Hint: "train"}, 409, `{"detail":"nothing","code":"no_gradient","hint":"train"}`},
		{&hud.Error{Code: hud.CodeValidation, Status: 413, Detail: "large"}, 413, `{"detail":"large","code":"validation"}`},
		{&hud.Error{Code: hud.CodeNotFound, Op: "resolve"}, 404, `{"detail":"resolve: not_found","code":"not_found"}`},
		{&hud.Error{Code: hud.CodeTimeout, Detail: "late"}, 500, `{"detail":"late","code":"timeout"}`},
		{fmt.Errorf("while at it: %w", &hud.Error{Code: hud.CodeConflict, Detail: "moved"}), 409, `{"detail":"moved","code":"conflict"}`},
		{errors.New("disk /dev/sda1 is on fire"), 500, `{"detail":"the service failed","code":"server"}`},
	} {
		d := newDesk(t, serve.Options{})
		d.fake.Before = func(string, any) error { return tt.err }
		if w := d.send("GET", "/v2/models", ""); w.Code != tt.status || strings.TrimSpace(w.Body.String()) != tt.want {
			t.Errorf("%v: got %d %s, want %d %s", tt.err, w.Code, w.Body, tt.status, tt.want)
		}
	}
	d := newDesk(t, serve.Options{})
	d.fake.Before = func(string, any) error { panic("a bug at 0xdeadbeef") }
	if w := d.send("GET", "/v2/models", ""); w.Code != 500 || strings.Contains(w.Body.String(), "beef") {
		t.Errorf("a panic: got %d %s, want 500 without its text", w.Code, w.Body)
	}
}

func TestKeyAndLimits(t *testing.T) {
	t.Parallel()
	d := newDesk(t, serve.Options{APIKey: "hud-k", MaxBody: 1000})
	for header, want := range map[string]int{"Bearer hud-k": 200, "Bearer hud-kk": 401, "Bearer ": 401, "": 401, "hud-k": 401, "Basic hud-k": 401} {
		if w := d.send("GET", "/v2/models", "", "Authorization", header); w.Code != want {
			t.Errorf("Authorization %q: got %d, want %d", header, w.Code, want)
		}
	}
	w := d.send("POST", both, `{"inputs":["`+strings.Repeat("x", 2000)+`"]}`, "Authorization", "Bearer hud-k")
	if w.Code != 413 || !strings.Contains(w.Body.String(), "more than 1000 bytes") {
		t.Errorf("a large body: got %d %s, want 413", w.Code, w.Body)
	}
}

// A training operation that has begun is finished though its client is gone.
func TestClientsThatGo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, serve.Options{})
	if w := d.send("POST", both, `{"inputs":`+inputs+`}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.fake.Before = func(op string, _ any) error {
		if op == "optim_step" {
			cancel()
		}
		return nil
	}
	r := httptest.NewRequest("POST", strings.ReplaceAll(step, "MODEL", d.model), strings.NewReader(`{"learning_rate":0.1}`)).WithContext(ctx)
	r.Header.Set("Content-Type", "application/json")
	d.ServeHTTP(gone{}, r)
	tree, err := d.fake.Checkpoints(context.Background(), d.model)
	if err != nil || len(tree) != 1 {
		t.Errorf("got %d checkpoints, %v, want the step's", len(tree), err)
	}
}

// gone is the other end of a connection that is closed.
type gone struct{}

func (gone) Header() http.Header       { return http.Header{} }
func (gone) WriteHeader(int)           {}
func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A fork whose answer was lost is found when it is asked for again, until
// somebody uses it.
func TestForksThatAreAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, serve.Options{})
		fork := func(name string, header ...string) string {
			t.Helper()
			w := d.send("POST", "/v2/models/fork", fmt.Sprintf(`{"source_model_id":%q,"name":%q}`, d.model, name), header...)
			var m hud.Model
			if json.Unmarshal(w.Body.Bytes(), &m) != nil || m.ID == "" {
				return w.Body.String()
			}
			return m.ID
		}
		const (
			taken = `"code":"conflict"`
			asked = "is taken" // what the fake says, which makes one of each name
		)
		first := fork("a")
		if again := fork("a"); again != first || d.fake.Count("fork") != 1 {
			t.Errorf("got %s after %s, want the same", again, first)
		}
		if other := fork("b"); other == first {
			t.Errorf("another name gave the same model")
		}
		d.send("GET", "/v2/models/"+first+"/checkpoints", "")
		if again := fork("a"); !strings.Contains(again, taken) {
			t.Errorf("got %s for a fork that is in use, want a new one asked for", again)
		}
		time.Sleep(time.Hour)
		if again := fork("b"); !strings.Contains(again, taken) {
			t.Errorf("got %s an hour later, want a new one asked for", again)
		}
		if again := fork("B"); !strings.Contains(again, taken) || strings.Contains(again, asked) {
			t.Errorf("got %s for a name that differs in case, want it refused", again)
		}
		if again := fork("b", "User-Agent", "hudrl"); !strings.Contains(again, asked) {
			t.Errorf("got %s for a script of hudrl's, want the service asked: it may know another slug", again)
		}
	})
}

// A service that keeps no traces says so.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	h := serve.Handler(struct{ hud.Service }{fake}, serve.Options{})
	for _, path := range []string{"/v2/trace/job/j/enter", "/v2/trace/t/enter", "/v2/trace/t/exit"} {
		r := httptest.NewRequest("POST", path, strings.NewReader(`{}`))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 404 || !strings.Contains(w.Body.String(), "keeps no traces") {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
}
