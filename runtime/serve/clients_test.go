package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// tree are the model's checkpoints, oldest first.
func (s *shop) tree() []hud.Checkpoint {
	s.Helper()
	var tree []hud.Checkpoint
	if err := json.Unmarshal([]byte(s.must("GET", "/v2/models/MODEL/checkpoints", "")), &tree); err != nil {
		s.Fatal(err)
	}
	return tree
}

// Two clients that train one model, in turn: what one accumulated goes into the
// other's step, and a forward pass ends with it.
func TestTwoClientsInTurn(t *testing.T) {
	t.Parallel()
	s := newShop(t, serve.Options{})
	const ours, body = "application/json", `{"forward_id":"PASS","weights":[[0,1,1],[0,1,1]],"metrics":{}}`
	s.must("POST", both, `{"inputs":`+work+`}`) // the other's
	s.must("POST", step, `{"learning_rate":0.01}`)
	before := s.catalog()
	s.refused("POST", back, body, ours, 409, `forward_id "PASS" cannot be used: stale after optim_step to step-0001`, before)
	s.refused("POST", step, `{"learning_rate":0.01}`, ours, 409, "no accumulated gradients: no pass since the last step", before)
	s.must("POST", both, `{"inputs":`+work+`}`)
	s.must("PUT", "/v2/models/MODEL/head", fmt.Sprintf(`{"checkpoint_id":%q}`, s.tree()[0].ID)) // the other rolls back
	s.refused("POST", step, `{"learning_rate":0.01}`, ours, 409, "no accumulated gradients: set_head to step-0001 discarded those of 1 passes", before)
}

// Two clients at once: every pass and step happens as a whole, and each step is
// one checkpoint.
func TestTwoClientsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, serve.Options{})
	const rounds = 8
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		made int
	)
	for range 2 {
		wg.Go(func() {
			for range rounds {
				if status, text := s.send("POST", both, `{"inputs":`+work+`}`, "application/json"); status != 200 {
					s.Errorf("forward-backward: got %d %s", status, text)
				}
				switch status, text := s.send("POST", step, `{"learning_rate":0.001}`, "application/json"); {
				case status == 200:
					mu.Lock()
					made++
					mu.Unlock()
				case status != 409 || !strings.Contains(text, `"detail":"no accumulated gradients: `): // the other took it along
					s.Errorf("optim-step: got %d %s", status, text)
				}
			}
		})
	}
	wg.Wait()
	tree := s.tree()
	if len(tree) != made || made < rounds {
		t.Fatalf("got %d checkpoints of %d steps, want as many and at least %d", len(tree), made, rounds)
	}
	parent := ""
	for i, c := range tree {
		if c.Step != i+1 || c.PrevModelCheckpointID != parent || c.IsActive != (i == len(tree)-1) {
			t.Errorf("checkpoint %d: got step %d after %q, active %v, want step %d after %q", i+1, c.Step, c.PrevModelCheckpointID, c.IsActive, i+1, parent)
		}
		parent = c.ID
	}
}

// A held service lets the first step wait until it is let go.
type held struct {
	*local.Service
	once         sync.Once
	begun, leave chan struct{}
	ended        chan error
}

func (h *held) OptimStep(ctx context.Context, model string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	h.once.Do(func() {
		close(h.begun)
		<-h.leave
	})
	res, err := h.Service.OptimStep(ctx, model, req)
	h.ended <- err
	return res, err
}

// A client that goes in the middle of a step gets no answer, and the step is
// made, once.
func TestClientGoneInTheMiddleOfAStep(t *testing.T) {
	t.Parallel()
	svc := &held{Service: open(t), begun: make(chan struct{}), leave: make(chan struct{}), ended: make(chan error, 2)}
	m, err := svc.Resolve(t.Context(), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	requests := make(chan *http.Request, 2)
	h := serve.Handler(svc, serve.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/optim-step") {
			requests <- r
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := &shop{T: t, url: server.URL, names: strings.NewReplacer("MODEL", m.ID)}
	s.must("POST", both, `{"inputs":`+work+`}`)

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"learning_rate":0.01}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.names.Replace(step), len(body), body)
	<-svc.begun
	conn.Close()
	<-(<-requests).Context().Done() // the server knows
	close(svc.leave)
	if err := <-svc.ended; err != nil {
		t.Errorf("the step: got %v", err)
	}
	if tree := s.tree(); len(tree) != 1 || tree[0].Step != 1 || !tree[0].IsActive {
		t.Errorf("got checkpoints %+v, want the one of the step", tree)
	}
	status, text := s.send("POST", step, body, "application/json")
	if status != 409 || !strings.Contains(text, "no accumulated gradients: no pass since the last step") {
		t.Errorf("the step again: got %d %s, want 409: its gradient is used up", status, text)
	}
}

// Bodies that break off, or are not what HTTP says they are, are refused where
// there is still somebody to tell, and nothing comes of them.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	s, twin := newShop(t, serve.Options{}), newShop(t, serve.Options{})
	before := s.catalog()
	whole := `{"inputs":` + work + `}`
	for _, tt := range []struct {
		name, header, body string
		status             int
		detail             string
	}{
		{"cut short", fmt.Sprintf("Content-Length: %d", len(whole)), whole[:len(whole)/2], 400, "the request was cut short"},
		{"cut short between chunks", "Transfer-Encoding: chunked", "5\r\n{\"inp\r\n", 400, "the request was cut short"},
		{"no chunks", "Transfer-Encoding: chunked", "\r\n" + whole + "\r\n", 400, "the request's body cannot be read"},
		{"a chunk that is too long", "Transfer-Encoding: chunked", "3\r\n" + whole, 400, "the request's body cannot be read"},
		{"more than its length", "Content-Length: 5", whole, 422, "the text ends after 5 bytes, want the end of a string"},
		{"packed", fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d", len(whole)), whole, 415, `Content-Encoding: got "gzip", want none`},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n%s\r\n\r\n%s", s.names.Replace(both), tt.header, tt.body)
		conn.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		text, _ := io.ReadAll(res.Body)
		conn.Close()
		var answer struct{ Detail string }
		if err := json.Unmarshal(text, &answer); err != nil || res.StatusCode != tt.status || answer.Detail != tt.detail {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, res.StatusCode, text, tt.status, tt.detail)
		}
		if after := s.catalog(); after != before {
			t.Errorf("%s: the catalog is %s, was %s", tt.name, after, before)
		}
	}
	if got, want := s.finish(), twin.finish(); got != want {
		t.Errorf("after all that the weights say %s, want %s", got, want)
	}
}
