// Package serve is any hud.Service as HUD's HTTP API under one address: the
// catalog, training, the gateway, traces and telemetry. HUD's own Python
// client, pointed at it, cannot tell, and OpenAI's clients find their API
// under /v1: models and chat completions, also as a stream. / is a dashboard
// for a browser: models, how their metrics went, and their checkpoints.
// /healthz and /metrics, for Prometheus, are for whoever keeps it running.
//
//	err := serve.Run(ctx, listener, svc, serve.Options{})
//
// [Run] serves until ctx ends and then finishes what it has begun; [Handler] is
// for a server of one's own.
//
// Requests are read strictly: an unknown field, a missing one, a null where a
// number belongs and a key that comes twice are answered with 422 and the
// place in the body. Answers never hold a null, a NaN or an empty body where
// the protocol has none. An error is an object with the members detail, a
// sentence, and code and hint, which HUD's client passes over.
//
// A training operation that has begun is finished when its client has gone.
//
// tests/interop drives it with both clients as PyPI has them.
//
// What HUD's protocol lacks is below /hudrl/v1, for hud.Dial's clients: which
// of it there is, tokenizers, and the logprobs of a frozen reference. It also
// says that chats stream, tokens and all.
package serve

import (
	"cmp"
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
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// Options configure Handler. The zero value is good on a loopback address.
type Options struct {
	// APIKey is what clients must show; "" lets everybody in.
	APIKey hud.Secret

	// MaxBody bounds a training request in bytes; 0 is 1 GiB. The protocol
	// sends a whole batch at once. Other requests have at most 32 MiB.
	MaxBody int64

	// Stall is how long a client may neither send the next piece of a request
	// nor take the next piece of an answer; 0 is a minute.
	Stall time.Duration

	// Drain is how long Run goes on answering after its context has ended; 0
	// is 10 minutes, as long as HUD's client waits.
	Drain time.Duration

	// Logger gets a line for each request, without keys, queries and bodies,
	// and what went wrong inside; nil for nothing.
	Logger *slog.Logger
}

const maxSmallBody = 32 << 20

type handler struct {
	svc   hud.Service
	opts  Options
	key   [sha256.Size]byte
	mux   *http.ServeMux
	meter *meter

	forks    forks
	onlyHere bool        // clients that name this machine otherwise are refused
	draining atomic.Bool // Run's context has ended
}

// Handler serves svc.
func Handler(svc hud.Service, o Options) http.Handler { return newHandler(svc, o) }

func newHandler(svc hud.Service, o Options) *handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 30
	}
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	if o.Drain <= 0 {
		o.Drain = 10 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{svc: svc, opts: o, key: sha256.Sum256([]byte(o.APIKey)), mux: http.NewServeMux(), meter: newMeter()}
	h.forks.made = map[[2]string]madeFork{}
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /healthz": h.health,
		"GET /metrics": h.prometheus,

		"GET /{$}":               h.dashboardModels,
		"GET /dashboard/{id...}": h.dashboardModel,
		"GET /dashboard.css":     h.dashboardStyle,

		"GET /v2/models":                                 h.models,
		"GET /v2/models/resolve":                         h.resolve,
		"POST /v2/models/fork":                           h.fork,
		"GET /v2/models/{model}/checkpoints":             h.checkpoints,
		"PUT /v2/models/{model}/head":                    h.setHead,
		"GET /v1/models/{model}/train/losses":            h.losses,
		"POST /v1/models/{model}/train/forward":          h.forward,
		"POST /v1/models/{model}/train/forward-backward": h.forwardBackward,
		"POST /v1/models/{model}/train/backward":         h.backward,
		"POST /v1/models/{model}/train/optim-step":       h.optimStep,
		"GET /hudrl/v1":                                  h.extensions,
		"GET /hudrl/v1/tokenizer":                        h.tokenizer,
		"POST /hudrl/v1/models/{model}/train/reference":  h.reference,
		"POST /v2/trace/job/{job}/enter":                 h.enterJob,
		"POST /v2/trace/{trace}/enter":                   h.enterTrace,
		"POST /v2/trace/{trace}/exit":                    h.exitTrace,

		// HUD's gateway has no /v1, OpenAI's clients want one.
		"POST /chat/completions":    h.chat,
		"POST /v1/chat/completions": h.chat,
		"GET /models":               h.openAIModels,
		"GET /v1/models":            h.openAIModels,
		"GET /models/{name...}":     h.openAIModel,
		"GET /v1/models/{name...}":  h.openAIModel,

		// The address of HUD's telemetry has a path of its own, which whoever
		// sets another may leave out.
		"POST /trace/{trace}/telemetry-upload":        h.telemetry,
		"POST /v3/api/trace/{trace}/telemetry-upload": h.telemetry,
		"POST /sdk-events/cli":                        h.drop,
		"POST /v3/api/sdk-events/cli":                 h.drop,
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

// openAI are the patterns that OpenAI's clients ask for.
var openAI = map[string]bool{
	"POST /chat/completions": true, "GET /models": true, "GET /models/{name...}": true,
	"POST /v1/chat/completions": true, "GET /v1/models": true, "GET /v1/models/{name...}": true,
}

// open are the patterns that need no key.
var open = map[string]bool{"GET /healthz": true, "POST /sdk-events/cli": true, "POST /v3/api/sdk-events/cli": true}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// HUD's CLI may write two slashes, which the mux would answer with a
	// redirect, which no client follows.
	if clean := path.Clean("/" + r.URL.Path); clean != r.URL.Path {
		moved := *r.URL
		moved.Path, moved.RawPath = clean, ""
		at := *r
		at.URL, r = &moved, &at
	}
	pattern := h.pattern(r)
	x, start := newExchange(w, r, h.opts.Stall), time.Now()
	x.openAI = openAI[pattern]
	h.meter.begin()
	defer func() {
		bug := recover()
		if bug != nil && bug != http.ErrAbortHandler {
			h.opts.Logger.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(bug))
			if x.status == 0 {
				h.fail(x, &hud.Error{Code: hud.CodeServer, Status: 500, Detail: "the service has a bug: it panicked"})
				bug = nil
			}
		}
		took := time.Since(start)
		h.meter.end(cmp.Or(pattern, "unknown"), x, took)
		h.opts.Logger.Info(r.Method+" "+readable(r.URL.Path), "status", x.status, "took", took.Round(10*time.Microsecond), "received", x.received, "sent", x.sent)
		if bug != nil {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
	}()
	switch {
	case h.onlyHere && !namesThisMachine(r.Host):
		h.fail(x, &hud.Error{Code: hud.CodeAuth, Status: 403, Detail: fmt.Sprintf("Host: got %q, want an address or localhost: without a key only this machine is served", r.Host)})
	case h.opts.APIKey != "" && !open[pattern] && !h.authorized(r, pattern):
		x.Header().Set("WWW-Authenticate", "Bearer")
		if dashboard[pattern] {
			x.Header().Set("WWW-Authenticate", `Basic realm="hudrl: the key is the password", charset="UTF-8"`)
		}
		h.fail(x, &hud.Error{Code: hud.CodeAuth, Status: 401, Detail: "missing or invalid API key"})
	case pattern == "":
		h.unknown(x, r)
	default:
		limit := h.opts.MaxBody
		if !strings.Contains(pattern, "/train/") {
			limit = min(limit, maxSmallBody)
		}
		r.Body = http.MaxBytesReader(w, patient{r.Body, x}, limit)
		h.mux.ServeHTTP(x, r)
	}
}

// pattern is the pattern that r matches, or "". Models' names have slashes, but
// what is below one's training is no model's name.
func (h *handler) pattern(r *http.Request) string {
	_, pattern := h.mux.Handler(r)
	if strings.HasSuffix(pattern, "/models/{name...}") && strings.Contains(r.URL.Path, "/train/") {
		return ""
	}
	return pattern
}

// authorized reports whether r shows the key, in the same time whatever it
// shows.
func (h *handler) authorized(r *http.Request, pattern string) bool {
	shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok && dashboard[pattern] {
		_, shown, ok = r.BasicAuth()
	}
	sum := sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(sum[:], h.key[:]) == 1 && ok
}

// readable keeps what a client sent from driving a terminal.
func readable(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if strings.ContainsFunc(text, func(c rune) bool { return !strconv.IsPrint(c) }) {
		return strconv.QuoteToASCII(text)
	}
	return text
}

// unknown answers what no pattern matches.
func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		other := *r
		other.Method = method
		if h.pattern(&other) != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		h.fail(w, &hud.Error{Code: hud.CodeNotFound, Status: 404, Detail: "no such path: " + readable(r.URL.Path)})
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	h.fail(w, &hud.Error{Code: hud.CodeValidation, Status: 405, Detail: fmt.Sprintf("%s: got %s, want %s", readable(r.URL.Path), r.Method, strings.Join(allowed, " or "))})
}

// statuses are those of errors that have none of their own. A client may try
// a call again that was answered with 502, 503 or 504, so none is here.
var statuses = map[hud.Code]int{
	hud.CodeValidation: 422, hud.CodeAuth: 401, hud.CodeNotFound: 404, hud.CodeRateLimited: 429,
	hud.CodeConflict: 409, hud.CodeNoGradient: 409, hud.CodeLimit: 413,
}

// explain makes an error one that clients may see, with its status. What was
// not said by the service itself is logged and not told.
func (h *handler) explain(err error) (status int, e *hud.Error) {
	if !errors.As(err, &e) {
		h.opts.Logger.Error("a call failed", "error", err)
		e = &hud.Error{Code: hud.CodeServer, Detail: "the service failed"}
	}
	if status = e.Status; status < 400 || status > 599 {
		if status = statuses[e.Code]; status == 0 {
			status = 500
		}
	}
	if e.Detail == "" {
		told := *e
		told.Detail = e.Error()
		e = &told
	}
	return status, e
}

// fail answers with an error, where HUD's clients look for it and, if they are
// who asked, OpenAI's.
func (h *handler) fail(w http.ResponseWriter, err error) {
	status, e := h.explain(err)
	out := struct {
		Detail string       `json:"detail"`
		Code   hud.Code     `json:"code"`
		Hint   string       `json:"hint,omitempty"`
		Error  *openAIError `json:"error,omitempty"`
	}{Detail: e.Detail, Code: e.Code, Hint: e.Hint}
	if x, ok := w.(*exchange); ok && x.openAI {
		out.Error = openAIErrorOf(e)
	}
	_ = answer(w, status, out) // strings always marshal
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
	if how := r.Header.Get("Content-Encoding"); how != "" && how != "identity" {
		return refuse(op, http.StatusUnsupportedMediaType, "Content-Encoding: got %q, want none", how)
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
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(op, http.StatusRequestTimeout, "the request stopped coming")
	}
	// What is left are chunks that are none, and connections that broke.
	return refuse(op, http.StatusBadRequest, "the request's body cannot be read")
}

// lasting is r's context without its end: what has begun is finished.
func lasting(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
