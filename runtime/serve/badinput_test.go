package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// work has a gradient, which inputs has not.
const work = `[{"samples":[` + sample + `],"reward":1},{"samples":[{"prompt_token_ids":[1,2],"output_token_ids":[5,6],"output_logprobs":[-0.3,-0.1]}],"reward":0}]`

// A shop is the embedded service behind a socket, in the middle of training:
// MODEL has a gradient that waits for its step, and PASS is a forward pass of
// it, OTHER of another model.
type shop struct {
	*testing.T
	url   string
	names *strings.Replacer
}

func newShop(t *testing.T, o serve.Options) *shop {
	t.Helper()
	svc := open(t)
	first, err := svc.Resolve(t.Context(), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	second, err := svc.Create(t.Context(), local.CreateOptions{Name: "second", Config: &tiny, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.Handler(svc, o))
	t.Cleanup(server.Close)
	s := &shop{T: t, url: server.URL, names: strings.NewReplacer("MODEL", first.ID, "SECOND", second.ID)}
	s.must("POST", both, `{"inputs":`+work+`}`)
	pass := s.pass(forward)
	other := s.pass(strings.Replace(forward, "MODEL", "SECOND", 1))
	s.names = strings.NewReplacer("MODEL", first.ID, "SECOND", second.ID, "PASS", pass, "OTHER", other)
	return s
}

// pass makes a forward pass and returns its id.
func (s *shop) pass(path string) string {
	var res struct {
		ForwardID string `json:"forward_id"`
	}
	if err := json.Unmarshal([]byte(s.must("POST", path, `{"inputs":`+work+`}`)), &res); err != nil || res.ForwardID == "" {
		s.Fatal(err, res)
	}
	return res.ForwardID
}

// send sends a request of a kind of content, which "" leaves out.
func (s *shop) send(method, path, body, kind string) (status int, answer string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+s.names.Replace(path), strings.NewReader(s.names.Replace(body)))
	if err != nil {
		s.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(text))
}

func (s *shop) must(method, path, body string) string {
	s.Helper()
	status, answer := s.send(method, path, body, "application/json")
	if status != 200 {
		s.Fatalf("%s %s: got %d %s", method, path, status, answer)
	}
	return answer
}

// catalog is what the service says that it has.
func (s *shop) catalog() string {
	s.Helper()
	return s.must("GET", "/v2/models", "") + s.must("GET", "/v2/models/MODEL/checkpoints", "") + s.must("GET", "/v2/models/SECOND/checkpoints", "")
}

// finish ends the training that was under way and returns what the weights
// that came of it say.
func (s *shop) finish() string {
	s.Helper()
	s.must("POST", back, `{"forward_id":"PASS","weights":[[0,1,0.5],[0,-1,0.25]],"metrics":{}}`)
	s.must("POST", step, `{"learning_rate":0.01}`)
	var tree []hud.Checkpoint
	if err := json.Unmarshal([]byte(s.must("GET", "/v2/models/MODEL/checkpoints", "")), &tree); err != nil || len(tree) != 1 {
		s.Errorf("got %d checkpoints, %v, want the one of the step", len(tree), err)
	}
	_, data, _ := strings.Cut(s.must("POST", forward, `{"inputs":`+inputs+`}`), `"data"`)
	return data
}

// An endpoint takes a body: one that is good, and the names it knows, or the
// first of them and a comma; the first is also the first of the body.
type endpoint struct{ method, path, good, names string }

var endpoints = []endpoint{
	{"POST", both, `{"inputs":` + inputs + `}`, "inputs, loss_fn, loss_fn_config, group_size, reward_scale, num_substeps"},
	{"POST", forward, `{"inputs":` + inputs + `}`, "inputs, group_size, reward_scale"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1]],"metrics":{}}`, "forward_id, weights, metrics"},
	{"POST", step, `{"learning_rate":0.1}`, "learning_rate, beta1, beta2, eps, weight_decay"},
	{"POST", "/v2/models/fork", `{"source_model_id":"MODEL","name":"f"}`, "source_model_id, name"},
	{"PUT", "/v2/models/MODEL/head", `{"checkpoint_id":"x"}`, "checkpoint_id"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`, "model, messages, max_tokens, max_completion_tokens, "},
	{"POST", "/v1" + chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}]}`, "model, messages, max_tokens, max_completion_tokens, "},
}

// What is no request of an endpoint is refused in the same words by each, and
// leaves the service as it was.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s, twin := newShop(t, serve.Options{MaxBody: 2000}), newShop(t, serve.Options{})
	before := s.catalog()
	for _, e := range endpoints {
		name, _, _ := strings.Cut(e.names, ",")
		open := e.good[:len(e.good)-1]
		sent := len(s.names.Replace(e.good))
		for _, tt := range []struct {
			body, kind string
			status     int
			detail     string
		}{
			{"", "application/json", 422, "the text ends after 0 bytes, want an object"},
			{"{", "application/json", 422, "the text ends after 1 bytes, want a key"},
			{open, "application/json", 422, fmt.Sprintf("the text ends after %d bytes, want a comma or }", sent-1)},
			{e.good + "{}", "application/json", 422, "got an object, want the end of the text"},
			{"[" + e.good + "]", "application/json", 422, "got a list, want an object"},
			{"null", "application/json", 422, "got null, want an object"},
			{"<html>", "application/json", 422, "got <html>, want an object"},
			{"\x1f\x8b\x08\x00", "application/json", 422, `got "\x1f\x8b\b\x00", want an object`},
			{"{}", "application/json", 422, name + ": missing"},
			{`{"` + name + `":null}`, "application/json", 422, name + ": got null, want WANT"},
			{`{"` + name + `":{}}`, "application/json", 422, name + ": got an object, want WANT"},
			{`{"` + name + `":NaN}`, "application/json", 422, name + ": got NaN, want WANT"},
			{`{'` + name + `':1}`, "application/json", 422, "got '" + name + "', want a key"},
			{`{"` + name + `":1e999}`, "application/json", 422, name + ": got 1e999, want WANT"},
			{open + "," + e.good[1:], "application/json", 422, name + ": the key comes twice"},
			{open + `,"colour":1}`, "application/json", 422, "colour: unknown field, want " + e.names},
			{open + `,}`, "application/json", 422, "got }, want a key"},
			{e.good, "text/plain", 415, `Content-Type: got "text/plain", want application/json`},
			{e.good, "", 415, `Content-Type: got "", want application/json`},
			{open + strings.Repeat(" ", 2000) + "}", "application/json", 413, "the request has more than 2000 bytes"},
		} {
			want := "a string"
			switch name {
			case "inputs":
				want = "a list"
			case "learning_rate":
				want = "a number"
				if strings.Contains(tt.body, "1e999") {
					want = "a number that float64 can hold"
				}
			}
			s.refused(e.method, e.path, tt.body, tt.kind, tt.status, strings.ReplaceAll(tt.detail, "WANT", want), before)
		}
		s.refused("DELETE", e.path, e.good, "application/json", 405, s.names.Replace(e.path)+": got DELETE, want "+e.method, before)
		s.refused(e.method, e.path+"/x", e.good, "application/json", 404, "no such path: "+s.names.Replace(e.path)+"/x", before)
	}
	if got, want := s.finish(), twin.finish(); got != want {
		t.Errorf("after all that the weights say %s, want %s", got, want)
	}
}

// same reports whether got is want, or begins with it where want ends in the
// middle of a list.
func same(got, want string) bool {
	return got == want || strings.HasSuffix(want, ", ") && strings.HasPrefix(got, want)
}

// refused sends what must be refused and change nothing.
func (s *shop) refused(method, path, body, kind string, status int, detail, before string) {
	s.Helper()
	code, text := s.send(method, path, body, kind)
	var answer struct {
		Detail string   `json:"detail"`
		Code   hud.Code `json:"code"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || code != status || !same(answer.Detail, s.names.Replace(detail)) || answer.Code == "" {
		s.Errorf("%s %s %.100q: got %d %s, want %d %q and a code", method, path, body, code, text, status, s.names.Replace(detail))
	}
	if after := s.catalog(); after != before {
		s.Errorf("%s %s %.100q: the catalog is %s, was %s", method, path, body, after, before)
	}
}

// with is a batch of one sample with these fields beside its prompt.
func with(fields string) string {
	return `{"inputs":[{"samples":[{"prompt_token_ids":[1,2],` + fields + `}],"reward":1}]}`
}

const (
	out    = `"output_token_ids":[3,4],"output_logprobs":[-0.2,-0.1]`
	nobody = "/v1/models/00000000-0000-0000-0000-000000000000/train/"
)

// wrong are requests of JSON of the right shape that are wrong all the same.
var wrong = []struct {
	method, path, body string
	status             int
	detail             string
}{
	// Numbers.
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":1e999}]}`, 422, "inputs[1].reward: got 1e999, want a number that float64 can hold"},
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":NaN}]}`, 422, "inputs[1].reward: got NaN, want a value"},
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":-Infinity}]}`, 422, "inputs[1].reward: got -Infinity, want a value"},
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":null}]}`, 422, "inputs[1].reward: got null, want a number"},
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":01}]}`, 422, "inputs[1].reward: got 01, want a value"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2,null]`), 422, "inputs[1].samples[1].output_logprobs[2]: got null, want a number"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2,-1e999]`), 422, "inputs[1].samples[1].output_logprobs[2]: got -1e999, want a number that float64 can hold"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2,-1e39]`), 422, "inputs[1].samples[1].output_logprobs[2]: got -1e+39, want a number that float32 can hold"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2,NaN]`), 422, "inputs[1].samples[1].output_logprobs[2]: got NaN, want a value"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2,"-0.1"]`), 422, `inputs[1].samples[1].output_logprobs[2]: got "-0.1", want a number`},
	{"POST", both, with(`"output_token_ids":[3,null]`), 422, "inputs[1].samples[1].output_token_ids[2]: got null, want a whole number"},
	{"POST", both, with(`"output_token_ids":[3,1.5]`), 422, "inputs[1].samples[1].output_token_ids[2]: got 1.5, want a whole number of 64 bits"},
	{"POST", both, with(`"output_token_ids":[3,1e2]`), 422, "inputs[1].samples[1].output_token_ids[2]: got 1e2, want a whole number of 64 bits"},
	{"POST", both, with(`"output_token_ids":[3,9223372036854775808]`), 422, "inputs[1].samples[1].output_token_ids[2]: got 9223372036854775808, want a whole number of 64 bits"},
	{"POST", both, `{"inputs":` + inputs + `,"reward_scale":null,"loss_fn_config":{"clip_low_threshold":null}}`, 422, "loss_fn_config.clip_low_threshold: got null, want a number"},
	{"POST", both, `{"inputs":` + inputs + `,"reward_scale":1e999}`, 422, "reward_scale: got 1e999, want a number that float64 can hold"},
	{"POST", both, `{"inputs":` + inputs + `,"group_size":-2}`, 422, "group_size: got -2, want at least 1"},
	{"POST", both, `{"inputs":` + inputs + `,"group_size":true}`, 422, "group_size: got true, want a whole number"},
	{"POST", both, `{"inputs":` + inputs + `,"num_substeps":0}`, 422, "num_substeps: got 0, want at least 1"},
	{"POST", step, `{"learning_rate":0}`, 422, "learning_rate: got 0, want a finite number above 0"},
	{"POST", step, `{"learning_rate":-1}`, 422, "learning_rate: got -1, want a finite number above 0"},
	{"POST", step, `{"learning_rate":1,"beta1":1}`, 422, "beta1: got 1, want at least 0 and below 1"},
	{"POST", step, `{"learning_rate":1,"beta2":-0.1}`, 422, "beta2: got -0.1, want at least 0 and below 1"},
	{"POST", step, `{"learning_rate":1,"eps":-1}`, 422, "eps: got -1, want a finite number of 0 or more"},
	{"POST", step, `{"learning_rate":1,"weight_decay":-1}`, 422, "weight_decay: got -1, want a finite number of 0 or more"},

	// Batches.
	{"POST", both, `{"inputs":[]}`, 422, "inputs: got 0 trajectories, want at least 1"},
	{"POST", both, `{"inputs":[1]}`, 422, "inputs[1]: got 1, want a trace id or a trajectory object"},
	{"POST", both, `{"inputs":[""]}`, 422, "inputs[1]: got an empty trace id"},
	{"POST", both, `{"inputs":["no such trace"]}`, 404, `trajectory 1: trace "no such trace" not found`},
	{"POST", both, `{"inputs":[{"samples":[],"reward":1}]}`, 422, "inputs[1].samples: got none, want at least 1"},
	{"POST", both, `{"inputs":[{"samples":[` + sample + `],"reward":1,"rewards":1}]}`, 422, "inputs[1].rewards: unknown field, want samples, reward, trace_id"},
	{"POST", both, `{"inputs":[{"samples":[{"output_token_ids":[3],"output_logprobs":[-1]}],"reward":1}]}`, 422, "trajectory 1, sample 1: prompt_token_ids: got 0 tokens, want at least 1: the first output token needs a predecessor"},
	{"POST", both, `{"inputs":[{"samples":[{"prompt_token_ids":[],"output_token_ids":[3],"output_logprobs":[-1]}],"reward":1}]}`, 422, "trajectory 1, sample 1: prompt_token_ids: got 0 tokens, want at least 1: the first output token needs a predecessor"},
	{"POST", both, with(`"output_token_ids":[]`), 422, "trajectory 1, sample 1: output_token_ids: got 0 tokens, want at least 1"},
	{"POST", both, with(`"output_token_ids":[3,4],"output_logprobs":[-0.2]`), 422, "trajectory 1, sample 1: output_logprobs: got 1 values for 2 output tokens, want one each"},
	{"POST", both, with(`"output_token_ids":[3,264],"output_logprobs":[-0.2,-0.1]`), 422, "trajectory 1, sample 1: output_token_ids[2]: got 264, want a token id of 0 to 263"},
	{"POST", both, with(`"output_token_ids":[3,-1],"output_logprobs":[-0.2,-0.1]`), 422, "trajectory 1, sample 1: output_token_ids[2]: got -1, want a token id of 0 to 263"},
	{"POST", both, with(`"prompt_chunks":[{"type":"image"}],` + out), 422, `trajectory 1, sample 1: prompt_chunks[1]: type: got "image", want encoded_text: this model reads text only`},
	{"POST", both, with(`"prompt_token_ids":[5],` + out), 422, "inputs[1].samples[1].prompt_token_ids: the key comes twice"},
	{"POST", both, with(`"output_token_ids":[3` + strings.Repeat(",3", 100) + `]`), 422, "trajectory 1, sample 1: output_logprobs: got 0 values for 101 output tokens, want one each"},
	{"POST", both, `{"inputs":` + inputs + `,"group_size":3}`, 422, "2 trajectories do not divide evenly into groups of 3; GRPO normalizes advantages within each group, so every group must be full"},
	{"POST", both, `{"inputs":` + inputs + `,"loss_fn":"pop"}`, 422, `loss_fn: got "pop", want one of cross_entropy, importance_sampling, ppo, cispo, dro`},
	{"POST", both, `{"inputs":` + inputs + `,"loss_fn":""}`, 422, "loss_fn: got an empty name"},
	{"POST", both, `{"inputs":` + inputs + `,"loss_fn":"ppo","loss_fn_config":{"clip_low_threshold":2}}`, 422, "loss_fn_config: got clip_low_threshold 2 above clip_high_threshold 1.2, want absolute bounds on the ratio, low before high"},
	{"POST", forward, `{"inputs":` + inputs + `,"group_size":3}`, 422, "2 trajectories do not divide evenly into groups of 3; GRPO normalizes advantages within each group, so every group must be full"},
	{"POST", forward, `{"inputs":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`, 422, "inputs" + strings.Repeat("[1]", 63) + ": nested more than 64 deep"},
	{"POST", forward, `{"inputs":[{"samples":[{"prompt_chunks":[` + strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70) + `],"output_token_ids":[3]}],"reward":1}]}`, 422, "inputs[1].samples[1].prompt_chunks[1]" + strings.Repeat(".a", 58) + ": nested more than 64 deep"},
	{"POST", forward, `{"inputs":[{"samples":[` + sample + `],"reward":1,"reward":1}]}`, 422, "inputs[1].reward: the key comes twice"},

	// Backward.
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1]],"metrics":{}}`, 422, "weights: datum 2: got 2 positions, want 3 as forward returned"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1,1]],"metrics":{}}`, 422, "weights: datum 2: got 4 positions, want 3 as forward returned"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1]],"metrics":{}}`, 422, "weights: got 1 datums, want 2 as forward returned"},
	{"POST", back, `{"forward_id":"PASS","weights":[],"metrics":{}}`, 422, "weights: got 0 datums, want 2 as forward returned"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],1],"metrics":{}}`, 422, "weights[2]: got 1, want a list of numbers"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],null],"metrics":{}}`, 422, "weights[2]: got null, want a list of numbers"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,NaN]],"metrics":{}}`, 422, "weights[2][3]: got NaN, want a number"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1e999]],"metrics":{}}`, 422, "weights[2][3]: got 1e999, want a number that float64 can hold"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,]],"metrics":{}}`, 422, "weights[2][3]: got ], want a value"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1]],"metrics":{"a":null}}`, 422, "metrics.a: got null, want a number"},
	{"POST", back, `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1]],"metrics":{"a":1,"a":2}}`, 422, "metrics.a: the key comes twice"},
	{"POST", back, `{"forward_id":"OTHER","weights":[[0,1,1],[0,1,1]],"metrics":{}}`, 404, `forward_id "OTHER" not found`},
	{"POST", back, `{"forward_id":"nonsense","weights":[[0,1,1],[0,1,1]],"metrics":{}}`, 404, `forward_id "nonsense" not found`},
	{"POST", back, `{"forward_id":"","weights":[[0,1,1],[0,1,1]],"metrics":{}}`, 404, `forward_id "" not found`},
	{"POST", strings.Replace(step, "MODEL", "SECOND", 1), `{"learning_rate":1}`, 409, "no accumulated gradients: no pass since the last step"},

	// Models and checkpoints.
	{"POST", nobody + "forward-backward", `{"inputs":` + inputs + `}`, 404, `model "00000000-0000-0000-0000-000000000000" not found`},
	{"POST", nobody + "forward", `{"inputs":` + inputs + `}`, 404, `model "00000000-0000-0000-0000-000000000000" not found`},
	{"POST", nobody + "backward", `{"forward_id":"PASS","weights":[[1]],"metrics":{}}`, 404, `model "00000000-0000-0000-0000-000000000000" not found`},
	{"POST", nobody + "optim-step", `{"learning_rate":1}`, 404, `model "00000000-0000-0000-0000-000000000000" not found`},
	{"GET", nobody + "losses", ``, 404, `model "00000000-0000-0000-0000-000000000000" not found`},
	{"GET", "/v2/models/nobody/checkpoints", ``, 404, `model "nobody" not found`},
	{"GET", "/v2/models/resolve?model=nobody", ``, 404, `model "nobody" not found`},
	{"GET", "/v2/models/resolve", ``, 422, "model: missing"},
	{"GET", "/v2/models?limit=x", ``, 422, `limit: got "x", want a whole number of 0 or more`},
	{"GET", "/v2/models?offset=-1", ``, 422, `offset: got "-1", want a whole number of 0 or more`},
	{"PUT", "/v2/models/MODEL/head", `{"checkpoint_id":"nothing"}`, 404, `checkpoint "nothing" not found in the tree of tiny`},
	{"PUT", "/v2/models/MODEL/head", `{"checkpoint_id":""}`, 404, `checkpoint "" not found in the tree of tiny`},
	{"PUT", "/v2/models/nobody/head", `{"checkpoint_id":"x"}`, 404, `model "nobody" not found`},
	{"POST", "/v2/models/fork", `{"source_model_id":"nobody","name":"f"}`, 404, `model "nobody" not found`},
	{"POST", "/v2/models/fork", `{"source_model_id":"MODEL","name":""}`, 422, `name: got "", want at least one letter or digit`},
	{"POST", "/v2/models/fork", `{"source_model_id":"MODEL","name":"a\u0000b"}`, 422, "name: got \"a\\x00b\", want characters that can be shown"},
	{"POST", "/v2/models/fork", `{"source_model_id":"MODEL","name":"` + strings.Repeat("x", 300) + `"}`, 422, "name: got 300 bytes, want at most 200"},
	{"GET", "/v1/models/nobody", ``, 404, `model "nobody" not found`},
	{"GET", "/v1/models/MODEL/train/forward", ``, 405, "/v1/models/MODEL/train/forward: got GET, want POST"},
	{"GET", "/v1/models/MODEL/train/nothing", ``, 404, "no such path: /v1/models/MODEL/train/nothing"},
	{"GET", "/v4/models", ``, 404, "no such path: /v4/models"},
	{"PATCH", "/v2/models", ``, 405, "/v2/models: got PATCH, want GET"},

	// The gateway.
	{"POST", chat, `{"model":"nobody","messages":[{"role":"user","content":"x"}]}`, 404, `model "nobody" not found`},
	{"POST", chat, `{"model":"","messages":[{"role":"user","content":"x"}]}`, 422, "model: got an empty name, want a slug or an id"},
	{"POST", chat, `{"model":"tiny","messages":[]}`, 422, "messages: got 0, want at least 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"robot","content":"x"}]}`, 422, `message 1: unknown role "robot": want system, user, assistant or tool`},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":7}]}`, 422, "messages[1].content: got 7, want a string or a list of parts"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"temperature":-1}`, 422, "temperature: got -1, want a finite number of 0 or more"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"temperature":1e999}`, 422, "temperature: got 1e999, want a number that float64 can hold"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"top_p":0}`, 422, "top_p: got 0, want above 0 and at most 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"top_p":NaN}`, 422, "top_p: got NaN, want a number"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"top_k":-1}`, 422, "top_k: got -1, want 0 (off) or more"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"min_p":2}`, 422, "min_p: got 2, want 0 to 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"n":0}`, 422, "n: got 0, want at least 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"n":1000000}`, 422, "n: got 1000000, want 1 to 128"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"max_tokens":-1}`, 422, "max_tokens: got -1, want at least 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"stop":[""]}`, 422, "stop[1]: got an empty string"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"seed":1.5}`, 422, "seed: got 1.5, want a whole number of 64 bits"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"prompt_token_ids":[1,-1],"continuation_from":1}`, 422, "prompt_token_ids[2]: got -1, want a token id of 0 to 263"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"prompt_token_ids":[1],"continuation_from":9}`, 422, "continuation_from: got 9, want at most the 1 messages after the system message"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"` + strings.Repeat("long ", 100) + `"}]}`, 422, "the prompt has 503 tokens, want fewer than the model's context of 96"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"checkpoint":"nothing"}`, 404, `checkpoint "nothing" not found in the tree of tiny`},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"stream":true,"n":0}`, 422, "n: got 0, want at least 1"},
	{"POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include":true}}`, 422, "stream_options.include: unknown field, want include_usage, include_obfuscation"},
}

// A wrong request says what is wrong with it, and leaves the service as it was.
func TestWrongRequests(t *testing.T) {
	t.Parallel()
	s, twin := newShop(t, serve.Options{}), newShop(t, serve.Options{})
	before := s.catalog()
	for _, tt := range wrong {
		kind := "application/json"
		if tt.body == "" {
			kind = ""
		}
		s.refused(tt.method, tt.path, tt.body, kind, tt.status, tt.detail, before)
	}
	if got, want := s.finish(), twin.finish(); got != want {
		t.Errorf("after all that the weights say %s, want %s", got, want)
	}
}
