package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/replay"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A run that was killed leaves what it wrote: a replay goes as far, and says
// where that is.
func TestCutRecordings(t *testing.T) {
	t.Parallel()
	calls := []call{resolve("m"), chat("a", 1), pass("ppo", input(1, 2)), step(1), chat("b", 1), pass("dro", input(1, 2))}
	recording := record(t, canned{}, func(svc hud.Service) {
		for _, c := range calls {
			if err := c(svc); err != nil {
				t.Fatal(err)
			}
		}
	})
	whole, lines := 0, 0
	for n := range len(recording) {
		if n > 0 && recording[n-1] == '\n' {
			whole, lines = n, lines+1
		}
		p, err := replay.Open(bytes.NewReader(recording[:n]), replay.PlayOptions{})
		if lines == 0 {
			if err == nil {
				t.Fatalf("%d bytes of the first line: got no error", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		err = play(p, calls)
		if lines == len(calls)+1 { // all but the end
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		var d *replay.Divergence
		want := fmt.Sprintf("; the recording ends at line %d, where its run was cut short", lines)
		if !errors.As(err, &d) || !d.Cut || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("%d bytes, %d of them whole lines: got %v, want …%s", n, whole, err, want)
		}
	}
}

func TestBadRecordings(t *testing.T) {
	t.Parallel()
	const head = `{"recording":1}` + "\n"
	for _, c := range []struct{ text, want string }{
		{"", "line 1: this is no recording"},
		{"hello\n", "line 1: this is no recording"},
		{`{"a":1}` + "\n", "line 1: this is no recording"},
		{`{"recording":2}` + "\n", "line 1: the recording has format 2, want 1"},
		{head + "{}\n", "line 2: got no exchange"},
		{head + `{"op":"chat"}` + "\n", "line 2: got no exchange"},
		{head + "[]\n", "line 2: "},
		{head + `{"op":"optim_step","request":7}` + "\n", "line 2: request: "},
		{head + `{"op":"chat","request":{},"error":[]}` + "\n", "line 2: error: "},
		{head + `{"op":"chat","request":{}}` + "\n" + `{"op":"chat","request":{`, ""},
		{head, ""},
	} {
		_, err := replay.Open(strings.NewReader(c.text), replay.PlayOptions{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
	// An answer that is none.
	p := open(t, []byte(head+`{"op":"resolve","request":{"model":"m"},"answer":{"id":7}}`+"\n"+`{"end":{}}`+"\n"))
	if _, err := p.Resolve(t.Context(), "m"); err == nil || !strings.Contains(err.Error(), "id: got 7") {
		t.Errorf("got %v", err)
	}
}

// What a service failed with comes back as it was.
func TestErrorsAreReplayed(t *testing.T) {
	t.Parallel()
	for name, failed := range map[string]error{
		"refused":       &hud.Error{Op: "optim_step", Code: hud.CodeNoGradient, Status: 409, Detail: "no accumulated gradients", Hint: "train"},
		"unknown":       &hud.Error{Op: "optim_step", Code: hud.CodeNetwork, Detail: "cut", Unknown: true},
		"no hud.Error":  errors.New("something broke"),
		"stopped":       &hud.Error{Op: "optim_step", Code: hud.CodeTimeout, Detail: "stopped", Err: context.Canceled},
		"plain timeout": context.DeadlineExceeded,
		"out of time":   fmt.Errorf("after 5 s: %w", context.DeadlineExceeded),
	} {
		fake := hudtest.NewFake()
		fake.Before = func(string, any) error { return failed }
		recording := record(t, fake, func(svc hud.Service) { _ = step(1)(svc) })
		p := open(t, recording)
		err := step(1)(p)
		if err == nil || err.Error() != failed.Error() || errors.Is(err, context.Canceled) != errors.Is(failed, context.Canceled) ||
			errors.Is(err, context.DeadlineExceeded) != errors.Is(failed, context.DeadlineExceeded) {
			t.Errorf("%s: got %#v, want %#v", name, err, failed)
		}
		var got, want *hud.Error
		if errors.As(err, &got) != errors.As(failed, &want) || got != nil && (got.Code != want.Code || got.Hint != want.Hint || got.Status != want.Status || got.Unknown != want.Unknown) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if err := p.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was given up while it was recorded need not be asked again, and calls
// whose caller is gone already are no calls.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	fake.Before = func(op string, _ any) error {
		if op == "chat" {
			return context.Canceled
		}
		return nil
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	recording := record(t, fake, func(svc hud.Service) {
		_, _ = svc.Models(t.Context())
		_, _ = svc.Models(over)
		_, _ = svc.Chat(over, &hud.ChatRequest{Model: "m"})
		_ = chat("a", 1)(svc)
	})
	if n := bytes.Count(recording, []byte("\n")); n != 4 {
		t.Errorf("got %d lines, want a head, two exchanges and an end:\n%s", n, recording)
	}
	p := open(t, recording)
	if _, err := p.Models(over); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Models(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A disk that is full.
type full struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.Len()+len(p) > f.room {
		return 0, errFull
	}
	return f.Buffer.Write(p)
}

// A pen notes each write.
type pen struct{ writes []string }

func (p *pen) Write(text []byte) (int, error) {
	p.writes = append(p.writes, string(text))
	return len(text), nil
}

// What came before a call that changes a model is in the file when it returns,
// each line whole, and what would be the same is there once.
func TestRecordingIsWrittenAsItGoes(t *testing.T) {
	t.Parallel()
	p := &pen{}
	rec, err := replay.Record(canned{}, p, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		calls []call
		lines int // then
	}{
		{[]call{chat("b", 1), resolve("m"), chat("a", 1), resolve("m")}, 1},
		{[]call{pass("ppo", input(1, 2))}, 5},
		{[]call{resolve("m"), step(1)}, 7},
		{[]call{chat("a", 1), chat("a", 1)}, 7},
	} {
		for _, call := range c.calls {
			if err := call(rec); err != nil {
				t.Fatal(err)
			}
		}
		if len(p.writes) != c.lines {
			t.Fatalf("got %d lines, want %d:\n%s", len(p.writes), c.lines, p.writes)
		}
	}
	if err := errors.Join(rec.Close(), rec.Close()); err != nil {
		t.Fatal(err)
	}
	if len(p.writes) != 10 || p.writes[9] != `{"end":{"exchanges":8,"models":["m"]}}`+"\n" {
		t.Errorf("got %q", p.writes)
	}
	for _, line := range p.writes {
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%q is no line", line)
		}
	}
	if !strings.Contains(p.writes[1], `"a"`) || !strings.Contains(p.writes[2], `"b"`) {
		t.Errorf("the chats are not sorted: %q", p.writes[1:3])
	}
}

// When the recording fails the calls go on, and it is told once and at the end.
func TestRecordingFails(t *testing.T) {
	t.Parallel()
	if _, err := replay.Record(canned{}, &full{}, replay.Options{}); !errors.Is(err, errFull) {
		t.Errorf("at the start: got %v", err)
	}
	var told []error
	rec, err := replay.Record(canned{}, &full{room: 250}, replay.Options{OnError: func(err error) { told = append(told, err) }})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := errors.Join(step(1)(rec), chat("a", 1)(rec)); err != nil {
			t.Fatal(err)
		}
	}
	if err := rec.Close(); !errors.Is(err, errFull) || len(told) != 1 || !errors.Is(told[0], errFull) {
		t.Errorf("got %v, told %v", err, told)
	}
	if err := step(1)(rec); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// Neither the user's key nor a script's is in a recording, whatever the
// service says, and neither is a password in an address.
func TestKeysAreNotRecorded(t *testing.T) {
	t.Parallel()
	const mine, theirs = "hud-key-of-the-user", "hud-key-of-the-script"
	served := serve.Handler(hudtest.NewFake(), serve.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "checkpoints") { // a service that tells what it was shown
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": "no: " + r.Header.Get("Authorization")})
			return
		}
		served.ServeHTTP(w, r)
	}))
	defer server.Close()
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: mine, APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	ask := func(svc hud.Service) string {
		d := &diary{}
		m, err := svc.Resolve(t.Context(), hudtest.FakeModel)
		d.note("resolve", m, err)
		tree, err := svc.Checkpoints(t.Context(), m.ID)
		d.note("checkpoints", tree, err)
		secret := strings.Replace(server.URL, "http://", "http://user:pass-word@", 1)
		_, err = svc.(hud.Relocator).At(hud.Address{APIKey: theirs, BaseURL: secret, APIURL: secret})
		d.note("at", nil, err)
		other, err := svc.(hud.Relocator).At(hud.Address{APIKey: theirs, BaseURL: server.URL, APIURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		m, err = other.Resolve(t.Context(), hudtest.FakeModel)
		d.note("resolve", m, err)
		tree, err = other.Checkpoints(t.Context(), m.ID)
		d.note("checkpoints", tree, err)
		if err := other.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
		return d.String()
	}
	want := ""
	recording := record(t, remote, func(svc hud.Service) { want = ask(svc) })
	for _, secret := range []string{mine, theirs, "pass-word"} {
		if bytes.Contains(recording, []byte(secret)) {
			t.Errorf("%s is in the recording:\n%s", secret, recording)
		}
	}
	if strings.Count(want, "checkpoints: no: Bearer [secret]") != 2 {
		t.Errorf("the service was not asked: %s", want)
	}
	p := open(t, recording)
	wantLines(t, ask(p), want)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever is in a file, reading it and asking it ends well.
func FuzzOpen(f *testing.F) {
	var file bytes.Buffer
	rec, err := replay.Record(canned{}, &file, replay.Options{})
	if err != nil {
		f.Fatal(err)
	}
	calls := []call{resolve("m"), chat("a", 1), pass("ppo", input(1, 2)), step(1), chat("b", 1), backward([]float32{1, 2})}
	for _, c := range calls {
		if err := c(rec); err != nil {
			f.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"recording":1}` + "\n" + `{"op":"chat","request":{"a":[1,{"b":null}]},"answer":{"base64":"AAAA"},"overlaps":true}` + "\n"))
	f.Add([]byte(`{"recording":1}` + "\n" +
		`{"op":"checkpoints","request":{"model_id":"` + model + `"},"answer":[{"id":"c","created_at":"2024-01-02T03:04:05Z","num_traces":3,"metrics":{"a":"NaN"}}]}` + "\n" +
		`{"op":"forward","request":{"model_id":"` + model + `"},"answer":{"data":{"offsets":[0,1],"logprobs":{"base64":"AAAAAA=="}}}}` + "\n" +
		`{"op":"state","request":{"name":"s"},"answer":{"base64":"AAAAAA=="}}` + "\n" +
		`{"op":"tokenizer","request":{},"answer":{"definition":{"kind":"bytes","vocab":300,"bos":256,"end":257,"roles":{"assistant":258}}}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := replay.Open(bytes.NewReader(text), replay.PlayOptions{})
		if err != nil {
			return
		}
		for _, c := range calls {
			_ = c(p)
		}
		_, _ = p.Checkpoints(t.Context(), model)
		_, _ = p.Forward(t.Context(), model, &hud.ForwardRequest{})
		_, _ = p.State(t.Context(), "s")
		if tok, err := p.Tokenizer(t.Context(), ""); err == nil {
			_, _ = tok.Render(nil, true)
		}
		_ = p.Close()
	})
}
