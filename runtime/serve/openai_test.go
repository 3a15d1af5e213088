package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A parrot says what it is told to, in pieces.
type parrot struct {
	*hudtest.Fake
	pieces []string
	rest   string // of choice 0, never streamed
	choice []string
	err    error // after the pieces
	before func()
}

func (p *parrot) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	if len(req.Messages) == 0 {
		return nil, &hud.Error{Code: hud.CodeValidation, Detail: "messages: got 0", Hint: "say something"}
	}
	text := ""
	for _, piece := range p.pieces {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		text += piece
		if req.Stream != nil {
			req.Stream(piece)
		}
		if p.before != nil {
			p.before()
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	res := &hud.ChatResponse{ID: "x", Model: req.Model, CheckpointID: "c", Usage: hud.Usage{PromptTokens: 3, CompletionTokens: 4}}
	for i, s := range append([]string{text + p.rest}, p.choice...) {
		c := hud.Choice{Message: hud.Message{Role: "assistant", Content: s}, FinishReason: []string{"stop", "length"}[i%2]}
		if req.ReturnTokenIDs {
			c.PromptTokenIDs, c.TokenIDs = []int{1, 2, 3}, []int{7, 8}
		}
		if req.ReturnTokenIDs || req.Logprobs {
			c.Logprobs = []float32{-0.5, -0.1}
		}
		res.Choices = append(res.Choices, c)
	}
	return res, nil
}

// An event is what a chunk says, as a client reads it.
type event struct {
	ID, Object, Model string
	Choices           []struct {
		Index int
		Delta struct {
			Role, Content *string
		}
		Logprobs *struct {
			Content []struct {
				Token   string
				Logprob float32
				Bytes   []int
			}
		}
		FinishReason   *string `json:"finish_reason"`
		PromptTokenIDs []int   `json:"prompt_token_ids"`
		TokenIDs       []int   `json:"token_ids"`
	}
	Usage        json.RawMessage
	CheckpointID *string `json:"checkpoint_id"`
	Error        *struct{ Message, Type, Code string }
}

// events reads a stream; done says that it ended as one should.
func events(t *testing.T, body string) (list []event, done bool) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || done {
			t.Fatalf("got %q in the stream", line)
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		d := json.NewDecoder(strings.NewReader(data))
		var e event
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		list = append(list, e)
	}
	return list, done
}

// said is the text of a choice, how it ended, and how many pieces it took.
func said(list []event, i int) (text, finish string, pieces int) {
	for _, e := range list {
		for _, c := range e.Choices {
			if c.Index != i {
				continue
			}
			if c.Delta.Content != nil && *c.Delta.Content != "" {
				text += *c.Delta.Content
				pieces++
			}
			if c.FinishReason != nil {
				finish += *c.FinishReason
			}
		}
	}
	return text, finish, pieces
}

func ask(svc hud.Service, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	serve.Handler(svc, serve.Options{}).ServeHTTP(w, r)
	return w
}

func TestStreams(t *testing.T) {
	t.Parallel()
	const message = `"model":"m","messages":[{"role":"user","content":"x"}],"stream":true`
	for _, tt := range []struct {
		name   string
		parrot parrot
		extra  string
		texts  []string
		pieces int
	}{
		{"in pieces", parrot{pieces: []string{"a", "b ", "ü<&>"}}, "", []string{"ab ü<&>"}, 3},
		{"at the end", parrot{rest: "whole"}, "", []string{"whole"}, 1},
		{"the rest at the end", parrot{pieces: []string{"a"}, rest: "bc"}, "", []string{"abc"}, 2},
		{"nothing", parrot{}, "", []string{""}, 0},
		{"many choices", parrot{pieces: []string{"a", "b"}, choice: []string{"c", ""}}, `,"n":3`, []string{"ab", "c", ""}, 2},
		{"tokens", parrot{pieces: []string{"a"}}, `,"return_token_ids":true`, []string{"a"}, 1},
		{"logprobs", parrot{pieces: []string{"a"}}, `,"logprobs":true`, []string{"a"}, 1},
		{"usage", parrot{pieces: []string{"a"}}, `,"stream_options":{"include_usage":true}`, []string{"a"}, 1},
	} {
		tt.parrot.Fake = hudtest.NewFake()
		w := ask(&tt.parrot, "{"+message+tt.extra+"}")
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || !w.Flushed {
			t.Errorf("%s: got %d, %v, flushed %v", tt.name, w.Code, w.Header(), w.Flushed)
		}
		list, done := events(t, w.Body.String())
		if !done {
			t.Errorf("%s: the stream does not end with [DONE]", tt.name)
		}
		for i, want := range tt.texts {
			text, finish, pieces := said(list, i)
			if text != want || finish != []string{"stop", "length"}[i%2] || i == 0 && pieces != tt.pieces {
				t.Errorf("%s: choice %d: got %q in %d pieces, ended %q, want %q in %d", tt.name, i, text, pieces, finish, want, tt.pieces)
			}
		}
		role := list[0].Choices[0].Delta.Role
		last := list[len(list)-1]
		usage := tt.name == "usage"
		if usage {
			if len(last.Choices) != 0 || string(last.Usage) != `{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}` {
				t.Errorf("%s: got %+v at the end, want the usage alone", tt.name, last)
			}
			last = list[len(list)-2]
		}
		for _, e := range list[:len(list)-1] {
			if e.ID != list[0].ID || !strings.HasPrefix(e.ID, "chatcmpl-") || e.Object != "chat.completion.chunk" || e.Model != "m" || string(e.Usage) != map[bool]string{true: "null"}[usage] {
				t.Errorf("%s: got %+v", tt.name, e)
			}
		}
		end := last.Choices[0]
		if role == nil || *role != "assistant" || last.CheckpointID == nil || *last.CheckpointID != "c" {
			t.Errorf("%s: got role %v first and checkpoint %v last", tt.name, role, last.CheckpointID)
		}
		if got := end.Logprobs != nil && len(end.Logprobs.Content) == 2 && end.Logprobs.Content[1].Logprob == -0.1; got != (tt.name == "tokens" || tt.name == "logprobs") {
			t.Errorf("%s: got logprobs %+v", tt.name, end.Logprobs)
		}
		if got := fmt.Sprint(end.PromptTokenIDs, end.TokenIDs); got != map[bool]string{true: "[1 2 3] [7 8]", false: "[] []"}[tt.name == "tokens"] {
			t.Errorf("%s: got tokens %s", tt.name, got)
		}
	}
}

// What fails before the first piece has a status, what fails after it an event
// and no end.
func TestStreamsThatFail(t *testing.T) {
	t.Parallel()
	w := ask(&parrot{Fake: hudtest.NewFake()}, `{"model":"m","messages":[],"stream":true}`)
	if w.Code != 422 || strings.TrimSpace(w.Body.String()) != `{"detail":"messages: got 0","code":"validation","hint":"say something","error":{"message":"messages: got 0 (say something)","type":"invalid_request_error","code":"validation"}}` {
		t.Errorf("got %d %s, want 422 as without a stream", w.Code, w.Body)
	}
	const body = `{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}`
	w = ask(&parrot{Fake: hudtest.NewFake(), pieces: []string{"a"}, err: errors.New("disk /dev/sda1 is on fire")}, body)
	list, done := events(t, w.Body.String())
	last := list[len(list)-1]
	if w.Code != 200 || done || last.Error == nil || last.Error.Message != "the service failed" || last.Error.Type != "server_error" {
		t.Errorf("got %s, want an error without its text, and no end", w.Body)
	}
	// Nobody reads on: sampling stops.
	spoken := 0
	p := &parrot{Fake: hudtest.NewFake(), pieces: make([]string, 1000), before: func() { spoken++ }}
	for i := range p.pieces {
		p.pieces[i] = "word "
	}
	r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	serve.Handler(p, serve.Options{}).ServeHTTP(gone{}, r)
	if spoken > 1 {
		t.Errorf("got %d pieces for a client that is gone, want 1", spoken)
	}
	// A bug after the first piece cuts the connection.
	p = &parrot{Fake: hudtest.NewFake(), pieces: []string{"a"}, before: func() { panic("a bug") }}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("got panic %v, want the handler aborted", got)
		}
	}()
	ask(p, body)
}

// Models and tokens' texts as OpenAI's clients see them, of the embedded
// service, over a socket.
func TestOpenAIClients(t *testing.T) {
	t.Parallel()
	svc := open(t)
	server := httptest.NewServer(serve.Handler(svc, serve.Options{}))
	defer server.Close()
	get := func(path, body string) (*http.Response, *bufio.Reader) {
		t.Helper()
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res, bufio.NewReader(res.Body)
	}
	const mini = `{"id":"hudrl/mini","object":"model","created":0,"owned_by":"local"}`
	for _, path := range []string{"/v1/models", "/models"} {
		_, r := get(path, "")
		if text, _ := r.ReadString('\n'); !strings.HasPrefix(text, `{"object":"list","data":[{"id":"hudrl/nano",`) || !strings.Contains(text, mini) || !strings.Contains(text, `"id":"tiny"`) {
			t.Errorf("%s: got %s", path, text)
		}
		for _, name := range []string{"/hudrl/mini", "/hudrl%2Fmini"} {
			if _, r := get(path+name, ""); true {
				if text, _ := r.ReadString('\n'); strings.TrimSpace(text) != mini {
					t.Errorf("%s: got %s, want %s", path+name, text, mini)
				}
			}
		}
		if res, r := get(path+"/none", ""); res.StatusCode != 404 {
			text, _ := r.ReadString('\n')
			t.Errorf("a model that is none: got %d %s", res.StatusCode, text)
		}
	}
	// The texts of tokens are the text, byte for byte, and not told when nobody
	// asked for them.
	_, r := get("/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":30,"seed":4,"logprobs":true}`)
	var res struct {
		Choices []struct {
			Message  hud.Message
			TokenIDs []int `json:"token_ids"`
			Logprobs struct {
				Content []struct {
					Token string
					Bytes []int
				}
			}
		}
	}
	if err := json.NewDecoder(r).Decode(&res); err != nil || len(res.Choices) != 1 {
		t.Fatal(err, res)
	}
	text, c := []byte{}, res.Choices[0]
	for _, token := range c.Logprobs.Content {
		for _, b := range token.Bytes {
			text = append(text, byte(b))
		}
		if len(token.Bytes) == 1 && token.Bytes[0] < 128 && token.Token != string(rune(token.Bytes[0])) {
			t.Errorf("got token %q of bytes %v", token.Token, token.Bytes)
		}
	}
	if got := strings.ToValidUTF8(string(text), "\uFFFD"); got != c.Message.Content || got == "" || c.TokenIDs != nil {
		t.Errorf("the tokens' texts are %q, token ids %v, want %q and none", got, c.TokenIDs, c.Message.Content)
	}
	// A stream says the same, in the same order.
	_, r = get("/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":30,"seed":4,"stream":true}`)
	var all strings.Builder
	r.WriteTo(&all)
	list, done := events(t, all.String())
	if got, _, _ := said(list, 0); got != c.Message.Content || !done {
		t.Errorf("the stream says %q (done %v), want %q", got, done, c.Message.Content)
	}
}

// A rollout that was sampled elsewhere is trained on by its trace id, once its
// telemetry and its reward have come; what the gateway recorded stays as it is.
func TestTelemetryMakesTraces(t *testing.T) {
	t.Parallel()
	svc := open(t)
	h := serve.Handler(svc, serve.Options{APIKey: "k"})
	send := func(path, body string) string {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer k")
		r.Header.Set("Trace-Id", "0123456789abcdef0123456789abcdef")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
	}
	span := func(source, sample string) string {
		return `{"name":"step.agent","trace_id":"x","span_id":"y","kind":"INTERNAL","events":[],"status_message":null,"attributes":{"hud.schema":"hud.step.v1","hud.task_run_id":"t",` +
			`"hud.payload":{"step_id":1,"source":"` + source + `","sample":` + sample + `,"usage":{}}}}`
	}
	turn := span("agent", `{"prompt_token_ids":[256,258,104,259],"output_token_ids":[104,105,261],"output_logprobs":[-1,-2,-3]}`)
	upload := `{"telemetry":[` + strings.Join([]string{
		`{"name":"debug","attributes":{"code":1}}`, `{}`, `{"attributes":null}`, `{"attributes":{"hud.schema":"hud.step.v1","hud.payload":"text"}}`,
		span("user", "null"), span("agent", "null"), span("agent", `{"output_token_ids":[1]}`), span("agent", `{"output_token_ids":"no"}`),
		span("agent", `{"prompt_token_ids":[1],"output_token_ids":[1,2],"output_logprobs":[-1]}`), turn, turn,
	}, ",") + `]}`
	const (
		elsewhere = "11111111-2222-3333-4444-555555555555"
		here      = "0123456789abcdef0123456789abcdef"
		exit      = `{"status":"completed","reward":0.5,"stop_reason":"done"}`
		train     = "/v1/models/ID/train/forward-backward"
	)
	models, err := svc.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := models[len(models)-1].ID
	post := func(trace string) string {
		return send(strings.Replace(train, "ID", id, 1), `{"inputs":["`+trace+`"],"loss_fn":"cross_entropy"}`)
	}
	if got := post(elsewhere); !strings.HasPrefix(got, "404 ") {
		t.Errorf("an unknown trace: got %s", got)
	}
	if got := send("/trace/"+elsewhere+"/telemetry-upload", upload); got != "200 {}" {
		t.Errorf("telemetry: got %s", got)
	}
	if got := send("/v3/api/trace/"+strings.ReplaceAll(elsewhere, "-", "")+"/telemetry-upload", upload); got != "200 {}" {
		t.Errorf("telemetry again, where HUD has it: got %s", got)
	}
	if got := post(elsewhere); !strings.HasPrefix(got, "422 ") || !strings.Contains(got, "has no reward") {
		t.Errorf("a trace without a reward: got %s", got)
	}
	send("/v2/trace/"+elsewhere+"/exit", exit)
	if got := post(elsewhere); !strings.Contains(got, `"num_datums":1`) || !strings.Contains(got, `"tokens:sum":3`) {
		t.Errorf("got %s, want one datum of the turn's 3 tokens", got)
	}
	// The gateway's own record of a turn is the turn that telemetry tells of.
	got := send("/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"h"}],"max_tokens":3,"return_token_ids":true,"seed":1}`)
	var res struct {
		Choices []struct {
			Prompt []int `json:"prompt_token_ids"`
			Output []int `json:"token_ids"`
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got, "200 ")), &res); err != nil {
		t.Fatal(err, got)
	}
	list := func(ids []int) string { return strings.ReplaceAll(fmt.Sprint(ids), " ", ",") }
	c := res.Choices[0]
	same := span("agent", `{"prompt_token_ids":`+list(c.Prompt)+`,"output_token_ids":`+list(c.Output)+`,"output_logprobs":[0`+strings.Repeat(",0", len(c.Output)-1)+`]}`)
	send("/trace/"+here+"/telemetry-upload", `{"telemetry":[`+same+`]}`)
	send("/v2/trace/"+here+"/exit", exit)
	if got := post(here); !strings.Contains(got, fmt.Sprintf(`"tokens:sum":%d`, len(c.Output))) {
		t.Errorf("got %s, want the %d tokens once", got, len(c.Output))
	}
	if got := send("/sdk-events/cli", `not even JSON`); got != "200 {}" {
		t.Errorf("an event of HUD's command line: got %s", got)
	}
}
