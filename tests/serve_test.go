package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/local"
)

// A served is a hudrl serve that runs in process.
type served struct {
	url       string
	out       string
	interrupt func()
	ended     <-chan result
}

// serve starts hudrl serve at a free port and waits until it says where.
func (p program) serve(t *testing.T, args ...string) served {
	t.Helper()
	type start struct {
		out       string
		interrupt func()
	}
	started, ended := make(chan start, 1), make(chan result, 1)
	said := false
	p.onOutput = func(all string, interrupt func()) {
		if !said && strings.Count(all, "\n") >= 4 {
			said = true
			started <- start{all, interrupt}
		}
	}
	go func() { ended <- p.run(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...) }()
	select {
	case s := <-started:
		url := regexp.MustCompile(`^serving at (http://127\.0\.0\.1:\d+)(?: and this machine's other addresses)? \(`).FindStringSubmatch(s.out)
		if url == nil {
			t.Fatalf("got %q, want an address", s.out)
		}
		return served{url[1], s.out, s.interrupt, ended}
	case r := <-ended:
		t.Fatalf("it ended: %+v", r)
		panic("unreachable")
	}
}

// stop interrupts and returns what was left behind.
func (s served) stop(t *testing.T) result {
	t.Helper()
	s.interrupt()
	return <-s.ended
}

// post sends a request and returns its status and body.
func (s served) post(t *testing.T, path, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// What hudrl serve prints is what one can do: a script trains over it, a chat
// streams, and Ctrl-C ends it well.
func TestServe(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := program{}.serve(t, "--data", data)
	for _, want := range []string{
		"(Data: " + data + ")\n", "hudrl run --service " + s.url + " script.lua\n",
		"export OPENAI_BASE_URL=" + s.url + "/v1 OPENAI_API_KEY=none\n",
		"export HUD_API_URL=" + s.url + " HUD_RL_URL=" + s.url + " HUD_GATEWAY_URL=" + s.url + " HUD_TELEMETRY_URL=" + s.url + " HUD_API_KEY=none\n",
	} {
		if !strings.Contains(s.out, want) {
			t.Errorf("got %s, want %q in it", s.out, want)
		}
	}
	program{}.run(t, "run", "--service", s.url, "-e", `
		local hud = require "hud"
		local m = hud.models.fork("hudrl/nano", "served")
		local trainer = hud.TrainingClient(m.model_name)
		trainer:forward_backward({ { samples = { { prompt_token_ids = { 257 }, output_token_ids = { 2 } } }, reward = 1 } }, { loss_fn = "cross_entropy" })
		print(trainer:optim_step{ learning_rate = 1e-3 }.step)`).want(t, 0, []string{"1\n"}, nil)
	const ask = `{"model":"hudrl/mini","messages":[{"role":"user","content":"What is 12 + 30?"}],"temperature":0,"stream":true}`
	if code, text := s.post(t, "/v1/chat/completions", "", ask); code != 200 || !strings.Contains(text, `"delta":{"content":"4"}`) || !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("got %d %s, want a stream that says 42", code, text)
	}
	s.stop(t).want(t, 0, nil, []string{"POST /v1/chat/completions (status=200, took=", "stopped\n"})
	program{}.run(t, "models", "checkpoints", "served", "--data", data).want(t, 0, []string{"step-0001"}, nil)
}

// Ctrl-C in the middle of training: the step is finished and answered, and the
// checkpoint is there afterwards.
func TestServeFinishesTraining(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	svc, err := local.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := svc.Fork(t.Context(), "hudrl/nano", "mine")
	if err != nil {
		t.Fatal(err)
	}
	svc.Close()
	s := program{}.serve(t, "--data", data, "-q")
	train := "/v1/models/" + m.ID + "/train/"
	input := `{"samples":[{"prompt_token_ids":[256` + strings.Repeat(",65", 200) + `],"output_token_ids":[66` + strings.Repeat(",67", 200) + `],"output_logprobs":[]}],"reward":1}`
	body := `{"inputs":[` + input + strings.Repeat(","+input, 31) + `],"loss_fn":"cross_entropy"}`
	type reply struct {
		code int
		text string
	}
	answered := make(chan reply, 1)
	pr, pw := io.Pipe()
	go func() {
		res, err := http.Post(s.url+train+"forward-backward", "application/json", pr)
		if err != nil {
			answered <- reply{0, err.Error()}
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answered <- reply{res.StatusCode, string(text)}
	}()
	io.WriteString(pw, body[:len(body)-1])
	for underWay := false; !underWay; { // the server has the request, and waits for its end
		res, err := http.Get(s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		underWay = strings.Contains(string(text), "hudrl_http_requests_in_flight 2\n")
	}
	s.interrupt()
	for open := true; open; { // it lets nobody in any more
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if open = err == nil; open {
			conn.Close()
		}
	}
	io.WriteString(pw, body[len(body)-1:])
	pw.Close()
	if got := <-answered; got.code != 200 || !strings.Contains(got.text, `"num_datums":32`) {
		t.Errorf("got %+v, want the pass's answer", got)
	}
	r := <-s.ended
	r.want(t, 0, nil, nil)
	if r.err != "" || len(r.aborted) > 0 {
		t.Errorf("got %q, aborted %v, want silence", r.err, r.aborted)
	}
}

// The key comes from the environment or a file, is asked for, and is never
// shown.
func TestServeWithAKey(t *testing.T) {
	t.Parallel()
	const key = "hud-key-of-this-server"
	dir := t.TempDir()
	write(t, dir, "it's.key", key+"\n")
	for name, tt := range map[string]struct {
		program program
		args    []string
		shown   string
	}{
		"environment": {program{env: map[string]string{"HUDRL_SERVE_KEY": key}}, nil, `OPENAI_API_KEY="$HUDRL_SERVE_KEY"`},
		"file":        {program{dir: dir}, []string{"--key-file", "it's.key", "--addr", "0.0.0.0:0"}, `OPENAI_API_KEY=$(cat '` + filepath.Join(dir, `it'\''s.key`) + `')`},
	} {
		s := tt.program.serve(t, append(tt.args, "--data", t.TempDir())...)
		if !strings.Contains(s.out, tt.shown) {
			t.Errorf("%s: got %s, want %s in it", name, s.out, tt.shown)
		}
		for shown, want := range map[string]int{key: 404, "": 401, "hud-key-of-this-serve": 401, key + "x": 401} {
			code, text := s.post(t, "/v1/chat/completions", shown, `{"model":"none","messages":[{"role":"user","content":"x"}]}`)
			var e struct{ Error struct{ Message string } }
			if err := json.Unmarshal([]byte(text), &e); code != want || err != nil || e.Error.Message == "" {
				t.Errorf("%s: key %q: got %d %s, want %d and a message", name, shown, code, text, want)
			}
		}
		program{env: map[string]string{"HUD_API_KEY": key}}.run(t, "models", "list", "--service", s.url).want(t, 0, []string{"hudrl/mini"}, nil)
		program{}.run(t, "models", "list", "--service", s.url).want(t, 4, nil, []string{"missing or invalid API key"})
		r := s.stop(t)
		r.want(t, 0, nil, []string{"status=401"})
		if strings.Contains(r.out+r.err, key) {
			t.Errorf("%s: the key was shown: %s%s", name, r.out, r.err)
		}
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "empty", "\n")
	write(t, dir, "two", "a\nb\n")
	write(t, dir, "good", "hud-k")
	busy := program{}.serve(t, "--data", t.TempDir())
	defer busy.stop(t)
	for _, tt := range []struct {
		env  map[string]string
		args []string
		code int
		err  []string
	}{
		{nil, []string{"--addr", "0.0.0.0:0"}, 2, []string{"hudrl serve: other machines reach 0.0.0.0:0: it needs a key", "hint: set HUDRL_SERVE_KEY, or name a file with --key-file"}},
		{nil, []string{"--addr", ":0"}, 2, []string{"it needs a key"}},
		{map[string]string{"HUDRL_ADDR": "0.0.0.0:0"}, nil, 2, []string{"it needs a key"}},
		{nil, []string{"--addr", "8700"}, 2, []string{`--addr: got "8700", want HOST:PORT such as 127.0.0.1:8700`}},
		{nil, []string{"--addr", strings.TrimPrefix(busy.url, "http://")}, 1, []string{"address already in use", "hint: another program may have it"}},
		{map[string]string{"HUDRL_SERVE_KEY": ""}, nil, 2, []string{"HUDRL_SERVE_KEY: got nothing, want a key"}},
		{map[string]string{"HUDRL_SERVE_KEY": "a b"}, nil, 2, []string{"HUDRL_SERVE_KEY: the key has a character that no key has"}},
		{nil, []string{"--key-file", "nope"}, 2, []string{"--key-file: cannot read nope: no such file"}},
		{nil, []string{"--key-file", "empty"}, 2, []string{"--key-file: empty: got nothing"}},
		{nil, []string{"--key-file", "two"}, 2, []string{"on one line"}},
		{nil, []string{"--key", "hud-k"}, 2, []string{"unknown flag --key", "hint: see hudrl serve --help"}},
		{nil, []string{"now"}, 2, []string{`unexpected argument "now"`}},
		{nil, []string{"--key-file", "good", "--service", "hub"}, 2, []string{`service: got "hub"`}},
	} {
		t.Run(fmt.Sprint(tt.env, tt.args), func(t *testing.T) {
			program{dir: dir, env: tt.env}.run(t, append([]string{"serve"}, tt.args...)...).want(t, tt.code, nil, tt.err)
		})
	}
}
