package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// pipes is a listener in memory, so that servers run on the clock of
// testing/synctest.
type pipes struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipes(addr net.Addr) *pipes {
	p := &pipes{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return p.addr }

func (p *pipes) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8700}

// A running server, what it serves and how it ended.
type running struct {
	*testing.T
	*pipes
	fake  *hudtest.Fake
	model string
	log   *bytes.Buffer
	stop  context.CancelFunc
	ended chan error
}

func newRunning(t *testing.T, o serve.Options) *running {
	t.Helper()
	r := &running{T: t, pipes: newPipes(loopback), fake: hudtest.NewFake(), log: &bytes.Buffer{}, ended: make(chan error, 1)}
	models, err := r.fake.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.model = models[0].ID
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.ended <- serve.Run(ctx, r.pipes, r.fake, o) }()
	t.Cleanup(stop)
	return r
}

// client is one that does not keep connections.
func (r *running) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return r.dial() },
	}}
}

// send sends a request and returns its status and body.
func (r *running) send(method, path, text string) (int, string) {
	req, err := http.NewRequest(method, "http://127.0.0.1:8700"+strings.ReplaceAll(path, "MODEL", r.model), strings.NewReader(text))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client().Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err.Error()
	}
	return res.StatusCode, string(b)
}

// raw opens a connection and writes text; the rest is up to the caller.
func (r *running) raw(text string) net.Conn {
	r.Helper()
	conn, err := r.dial()
	if err != nil {
		r.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		r.Fatal(err)
	}
	return conn
}

// What has begun is finished when a server is told to stop: the step is made
// and its answer arrives, while nobody new is let in.
func TestDrainInTheMiddleOfTraining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRunning(t, serve.Options{})
		if code, text := r.send("POST", both, `{"inputs":`+inputs+`}`); code != 200 {
			t.Fatal(text)
		}
		r.fake.Before = func(op string, _ any) error {
			if op == "optim_step" {
				time.Sleep(5 * time.Minute)
			}
			return nil
		}
		answered := make(chan string, 1)
		go func() {
			code, text := r.send("POST", step, `{"learning_rate":0.1}`)
			answered <- fmt.Sprint(code, text)
		}()
		synctest.Wait()
		r.stop()
		synctest.Wait()
		if _, err := r.dial(); err == nil {
			t.Error("a connection was accepted while draining")
		}
		start := time.Now()
		if err := <-r.ended; err != nil {
			t.Errorf("got %v, want no error", err)
		}
		if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("draining took %v, want the step's 5 minutes", took)
		}
		if got := <-answered; !strings.HasPrefix(got, `200{"step":1,`) {
			t.Errorf("got %s, want the step's answer", got)
		}
		if !strings.Contains(r.log.String(), `msg="finishing what was begun" requests=1`) {
			t.Errorf("got log %s, want what it waits for", r.log)
		}
	})
}

// What does not end is cut off after a while, and that is an error.
func TestDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRunning(t, serve.Options{Drain: time.Minute})
		forever := make(chan struct{})
		r.fake.Before = func(string, any) error { <-forever; return nil }
		answered := make(chan string, 1)
		go func() {
			_, text := r.send("GET", "/v2/models", "")
			answered <- text
		}()
		synctest.Wait()
		r.stop()
		start := time.Now()
		if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "1 requests were cut off after 1m0s") {
			t.Errorf("got %v, want an error that says how many were cut off", err)
		}
		if took := time.Since(start); took > 61*time.Second {
			t.Errorf("draining took %v, want a minute", took)
		}
		if got := <-answered; !strings.Contains(got, "EOF") {
			t.Errorf("got %q, want a cut connection", got)
		}
		close(forever)
	})
}

// Clients that stall are let go: in the header, in the body, between requests
// and while they read.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	for _, tt := range []struct {
		name, text string
		after      time.Duration
		want       string
	}{
		{"no header", "", 10 * time.Second, ""},
		{"half a header", "POST / HTTP/1.1\r\nHost:", 10 * time.Second, ""},
		{"no body", head, time.Minute, "HTTP/1.1 408 Request Timeout"},
		{"half a body", head + `{"model":`, time.Minute, "HTTP/1.1 408 Request Timeout"},
		{"no body for a path that is none", strings.Replace(head, "/v1/chat", "/v9/chat", 1), 30 * time.Second, "HTTP/1.1 404 Not Found"},
		{"more of a body that is wrong", strings.Replace(head, "1000", "9000", 1) + "[" + strings.Repeat(" ", 2000), 30 * time.Second, "HTTP/1.1 422 Unprocessable Entity"},
		{"no second request", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute, "HTTP/1.1 200 OK"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRunning(t, serve.Options{})
			conn := r.raw(tt.text)
			start := time.Now()
			text, err := io.ReadAll(conn)
			if took := time.Since(start); err != nil || took < tt.after || took > tt.after+time.Second || !strings.HasPrefix(string(text), tt.want) {
				t.Errorf("%s: got %q, %v after %v, want %q after %v", tt.name, text, err, took, tt.want, tt.after)
			}
			if strings.Contains(tt.want, " 408 ") && !strings.Contains(string(text), `{"detail":"the request stopped coming","code":"validation","error":`) {
				t.Errorf("%s: got %q, want what happened", tt.name, text)
			}
			if n := r.fake.Count("chat"); n > 0 {
				t.Errorf("%s: the service was asked %d times", tt.name, n)
			}
			conn.Close()
			r.stop()
			<-r.ended
		})
	}
	// A body whose pieces come in time may take as long as it likes, and what
	// is done with it too.
	synctest.Test(t, func(t *testing.T) {
		r := newRunning(t, serve.Options{})
		r.fake.Before = func(string, any) error { time.Sleep(time.Hour); return nil }
		body := `{"inputs":` + inputs + `}`
		conn := r.raw(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", strings.ReplaceAll(both, "MODEL", r.model), len(body)))
		for _, c := range body {
			time.Sleep(50 * time.Second)
			io.WriteString(conn, string(c))
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("a slow but steady body: got %v, %v, want 200", res, err)
		}
		conn.Close()
		r.stop()
		<-r.ended
	})
	// A client that does not read is no reason to wait for ever.
	synctest.Test(t, func(t *testing.T) {
		r := newRunning(t, serve.Options{})
		conn := r.raw("GET /v2/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
		r.stop()
		start := time.Now()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 61*time.Second {
			t.Errorf("waited %v for a client that does not read, want a minute", took)
		}
		conn.Close()
	})
}

// Without a key other machines are not served, nor pages that pretend to be on
// this one.
func TestWithoutAKey(t *testing.T) {
	t.Parallel()
	for _, addr := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4zero, Port: 1}, &net.TCPAddr{IP: net.IPv6unspecified, Port: 1}, &net.TCPAddr{Port: 1},
		&net.TCPAddr{IP: net.IPv4(192, 168, 0, 1), Port: 1}, &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)},
	} {
		ln := newPipes(addr)
		if err := serve.Run(t.Context(), ln, hudtest.NewFake(), serve.Options{}); !errors.Is(err, serve.ErrNoKey) || !strings.Contains(err.Error(), addr.String()) {
			t.Errorf("%v: got %v, want ErrNoKey with the address", addr, err)
		}
		if _, err := ln.dial(); err == nil {
			t.Errorf("%v: the listener is open", addr)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRunning(t, serve.Options{})
		for host, want := range map[string]int{
			"127.0.0.1:8700": 200, "localhost:8700": 200, "LOCALHOST": 200, "[::1]:8700": 200, "[::1]": 200, "10.0.0.1": 200,
			"evil.example": 403, "evil.example:8700": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:8700": 403,
		} {
			conn := r.raw("GET /v2/models HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != want {
				t.Errorf("Host %s: got %v, %v, want %d", host, res, err, want)
			}
			io.Copy(io.Discard, conn)
			conn.Close()
		}
		r.stop()
		<-r.ended
	})
	synctest.Test(t, func(t *testing.T) { // with a key names are fine
		ctx, stop := context.WithCancel(t.Context())
		ln, ended := newPipes(&net.TCPAddr{IP: net.IPv4zero, Port: 1}), make(chan error)
		go func() { ended <- serve.Run(ctx, ln, hudtest.NewFake(), serve.Options{APIKey: "hud-k"}) }()
		for path, want := range map[string]int{"/healthz": 200, "/metrics": 401, "/v1/models": 401} {
			conn, err := ln.dial()
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nConnection: close\r\nHost: hud.example\r\n\r\n")
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != want {
				t.Errorf("%s: got %v, %v, want %d", path, res, err, want)
			}
			conn.Close()
		}
		stop()
		<-ended
	})
}

// The log has a line for each request, and nothing a client would not want
// there; metrics count.
func TestLogAndMetrics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := newDesk(t, serve.Options{APIKey: "hud-secret-key", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	key := []string{"Authorization", "Bearer hud-secret-key"}
	for _, send := range [][3]string{
		{"POST", both, `{"inputs":` + inputs + `}`},
		{"POST", step, `{"learning_rate":0.1}`},
		{"POST", chat, `{"model":"fake/bigram","messages":[{"role":"user","content":"hush"}],"max_tokens":3}`},
		{"POST", chat, `{"model":"fake/bigram","messages":[{"role":"user","content":"hush"}],"max_tokens":3,"stream":true}`},
		{"POST", chat, `{"model":"fake/bigram","mess":"hush"}`},
		{"GET", "/v2/models/resolve?model=hush", ""},
		{"GET", "/nothing/%1b%5b31m", ""},
	} {
		d.send(send[0], send[1], send[2], key...)
	}
	d.send("GET", "/v2/models", "", "Authorization", "Bearer hush")
	text := log.String()
	for _, want := range []string{
		`msg="POST /v1/models/` + d.model + `/train/optim-step" status=200 took=`, "received=21 ", `msg="POST /chat/completions" status=422`,
		`msg="GET /v2/models/resolve" status=404`, `msg="GET /v2/models" status=401`, `\x1b[31m`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "hush") || strings.Contains(text, "\x1b") {
		t.Errorf("the log has a key, a query, a body or an escape:\n%s", text)
	}
	if n := strings.Count(text, "\n"); n != 8 {
		t.Errorf("got %d lines for 8 requests:\n%s", n, text)
	}
	w := d.send("GET", "/metrics", "", key...)
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("got Content-Type %s", got)
	}
	for _, want := range []string{
		"\nhudrl_http_requests_in_flight 1\n", "\nhudrl_optim_steps_total 1\n", "\n" + `hudrl_train_datums_total{pass="forward_backward"} 2` + "\n",
		"\n" + `hudrl_http_requests_total{route="POST /chat/completions",code="200"} 2` + "\n", `{route="POST /chat/completions",code="422"} 1`,
		`{route="unknown",code="404"} 1`, `hudrl_http_request_seconds_bucket{route="POST /chat/completions",le="+Inf"} 3`,
		`hudrl_http_request_seconds_count{route="POST /chat/completions"} 3`, "\n" + `hudrl_chat_tokens_total{kind="completion"} `,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %q:\n%s", want, w.Body)
		}
	}
}
