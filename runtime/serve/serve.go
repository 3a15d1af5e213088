// Package serve is any hud.Service as HUD's HTTP API under one address: the
// catalog, training, the gateway and traces. HUD's own Python client, pointed
// at it, cannot tell.
//
//	http.Serve(listener, serve.Handler(svc, serve.Options{}))
//
// Requests are read strictly: an unknown field, a missing one, a null where a
// number belongs and a key that comes twice are answered with 422 and the
// place in the body. Answers never hold a null, a NaN or an empty body where
// the protocol has none. An error is an object with the members detail, a
// sentence, and code and hint, which HUD's client passes over.
//
// A training operation that has begun is finished when its client has gone.
package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// Options configure Handler. The zero value is good on a loopback address.
type Options struct {
	// APIKey is what clients must show; "" lets everybody in.
	APIKey hud.Secret

	// MaxBody bounds a request in bytes; 0 is 1 GiB. The protocol sends a
	// whole batch at once.
	MaxBody int64

	// Logger gets what went wrong inside; nil for nothing.
	Logger *slog.Logger
}

type handler struct {
	svc  hud.Service
	opts Options
	key  [sha256.Size]byte
	mux  *http.ServeMux

	forks forks
}

// Handler serves svc.
func Handler(svc hud.Service, o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{svc: svc, opts: o, key: sha256.Sum256([]byte(o.APIKey)), mux: http.NewServeMux()}
	h.forks.made = map[[2]string]madeFork{}
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v2/models":                                 h.models,
		"GET /v2/models/resolve":                         h.resolve,
		"POST /v2/models/fork":                           h.fork,
		"GET /v2/models/{model}/checkpoints":             h.checkpoints,
		"PUT /v2/models/{model}/head":                    h.setHead,
		"GET /v1/models/{model}/train/losses":            h.losses,
		"POST /v1/models/{model}/train/forward":          h.forward,
		"POST /v1/models/{model}/train/backward":         h.backward,
		"POST /v1/models/{model}/train/optim-step":       h.optimStep,
		"POST /chat/completions":                         h.chat,
		"POST /v1/chat/completions":                      h.chat,
		"POST /v2/trace/job/{job}/enter":                 h.enterJob,
		"POST /v2/trace/{trace}/enter":                   h.enterTrace,
		"POST /v2/trace/{trace}/exit":                    h.exitTrace,
		"POST /v1/models/{model}/train/forward-backward": h.forwardBackward,
	} {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if id := r.PathValue("model"); id != "" {
				h.forks.named(id)
			}
			if err := f(w, r); err != nil {
				h.fail(w, err)
			}
		})
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if bug := recover(); bug != nil {
			if bug == http.ErrAbortHandler {
				panic(bug)
			}
			h.opts.Logger.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(bug))
			h.fail(w, &hud.Error{Code: hud.CodeServer, Status: 500, Detail: "the service has a bug: it panicked"})
		}
	}()
	if h.opts.APIKey != "" {
		shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if sum := sha256.Sum256([]byte(shown)); subtle.ConstantTimeCompare(sum[:], h.key[:]) != 1 || !bearer {
			h.fail(w, &hud.Error{Code: hud.CodeAuth, Status: 401, Detail: "missing or invalid API key"})
			return
		}
	}
	// HUD's CLI may write two slashes, which the mux would answer with a
	// redirect, which no client follows.
	clean := path.Clean("/" + r.URL.Path)
	if clean != r.URL.Path {
		moved := *r.URL
		moved.Path, moved.RawPath = clean, ""
		at := *r
		at.URL, r = &moved, &at
	}
	_, pattern := h.mux.Handler(r)
	if pattern == "" {
		h.unknown(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, h.opts.MaxBody)
	h.mux.ServeHTTP(w, r)
}

// unknown answers what no pattern matches.
func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		other := *r
		other.Method = method
		if _, pattern := h.mux.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		h.fail(w, &hud.Error{Code: hud.CodeNotFound, Status: 404, Detail: fmt.Sprintf("no such path: %s", r.URL.Path)})
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	h.fail(w, &hud.Error{Code: hud.CodeValidation, Status: 405, Detail: fmt.Sprintf("%s: got %s, want %s", r.URL.Path, r.Method, strings.Join(allowed, " or "))})
}

// statuses are those of errors that have none of their own. A client may try
// a call again that was answered with 502, 503 or 504, so none is here.
var statuses = map[hud.Code]int{
	hud.CodeValidation: 422, hud.CodeAuth: 401, hud.CodeNotFound: 404, hud.CodeRateLimited: 429,
	hud.CodeConflict: 409, hud.CodeNoGradient: 409, hud.CodeLimit: 413,
}

// fail answers with an error. What was not said by the service itself is
// logged and not told.
func (h *handler) fail(w http.ResponseWriter, err error) {
	var e *hud.Error
	if !errors.As(err, &e) {
		h.opts.Logger.Error("a call failed", "error", err)
		e = &hud.Error{Code: hud.CodeServer, Detail: "the service failed"}
	}
	status := e.Status
	if status < 400 || status > 599 {
		if status = statuses[e.Code]; status == 0 {
			status = 500
		}
	}
	detail := e.Detail
	if detail == "" {
		detail = e.Error()
	}
	answer(w, status, struct {
		Detail string   `json:"detail"`
		Code   hud.Code `json:"code"`
		Hint   string   `json:"hint,omitempty"`
	}{detail, e.Code, e.Hint})
}

// answer writes a small answer.
func answer(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that has gone reads no answer
	return nil
}

// refuse is the error of a request that cannot be understood.
func refuse(op string, status int, format string, args ...any) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Status: status, Detail: fmt.Sprintf(format, args...)}
}

// body reads a request with read, strictly and to its end.
func body(r *http.Request, op string, read func(*httpjson.Reader) error) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return refuse(op, http.StatusUnsupportedMediaType, "Content-Type: got %q, want application/json", r.Header.Get("Content-Type"))
	}
	j := httpjson.NewReader(r.Body)
	err = read(j)
	if err == nil {
		err = j.End()
	}
	var (
		broken *httpjson.Error
		large  *http.MaxBytesError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return refuse(op, http.StatusRequestEntityTooLarge, "the request has more than %d bytes", large.Limit)
	case errors.As(err, &broken):
		return refuse(op, http.StatusUnprocessableEntity, "%v", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(op, http.StatusBadRequest, "the request was cut short")
	}
	return err
}

// lasting is r's context without its end: what has begun is finished.
func lasting(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
