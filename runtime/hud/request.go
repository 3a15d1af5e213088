package hud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// A request is one call to the service.
type request struct {
	op     string
	method string
	url    string
	body   func() *httpjson.Stream // made for each attempt; nil for none
	header http.Header             // beside the usual
	policy policy
	read   func(*httpjson.Reader) error // reads the answer

	events func(io.Reader) error // reads an answer that comes in pieces; nil: none does
	final  func() bool           // no other attempt may follow; nil: one may
}

// A policy says when a request is sent again. The zero value is never.
type policy struct {
	delays  []time.Duration // before each further attempt
	status  func(status int) bool
	timeout bool // also after a timeout
	network bool // also after a failure of the network
	spread  bool // make the delays up to a quarter shorter

	// advised is how long to wait when the answer says to wait so many
	// seconds, which are at least 0; it reports false to ignore that.
	advised func(seconds float64) (time.Duration, bool)
}

var (
	never     = policy{}
	patiently = policy{
		delays:  []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second},
		status:  func(s int) bool { return s == 429 || s == 502 || s == 503 || s == 504 },
		network: true,
		advised: func(s float64) (time.Duration, bool) { return seconds(min(s, 30)), true },
	}
	asOpenAI = policy{
		delays:  []time.Duration{500 * time.Millisecond, time.Second},
		status:  func(s int) bool { return s == 408 || s == 409 || s == 429 || s >= 500 },
		network: true, timeout: true, spread: true,
		advised: func(s float64) (time.Duration, bool) { return seconds(s), s > 0 && s <= 60 },
	}
)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// An outcome is how an attempt failed.
type outcome struct {
	err     *Error
	again   bool          // the policy allows another attempt
	advised bool          // the service asked for a wait
	waiting time.Duration // of so long
}

// do sends a request as often as its policy allows.
func (r *Remote) do(ctx context.Context, q *request) error {
	if err := ctx.Err(); err != nil {
		return r.stopped(ctx, q, false)
	}
	if !r.authorized() {
		return &Error{Op: q.op, Code: CodeAuth, Detail: "API key is required but not provided", Hint: hintKey}
	}
	what, stop := r.announce(q.op)
	defer stop()
	for n := 0; ; n++ {
		failed := r.attempt(ctx, q)
		if failed == nil {
			return nil
		}
		if !failed.again || n == len(q.policy.delays) || q.final != nil && q.final() {
			return failed.err
		}
		what.Store(new(fmt.Sprintf("%s (tried %s: %s)", q.op, times(n+1), failed.err.Detail)))
		delay := q.policy.delays[n]
		if q.policy.spread {
			delay = time.Duration(float64(delay) * (1 - rand.Float64()/4))
		}
		if failed.advised {
			delay = failed.waiting
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return r.stopped(ctx, q, false)
		}
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// announce tells OnWait about a call until stop is called. what is what the
// call is called, and may be changed.
func (r *Remote) announce(op string) (what *atomic.Pointer[string], stop func()) {
	what = new(atomic.Pointer[string])
	what.Store(&op)
	if r.config.OnWait == nil {
		return what, func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	start := time.Now()
	ticker := time.NewTicker(waitEvery)
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				r.config.OnWait(*what.Load(), time.Since(start).Round(time.Second))
			case <-done:
				return
			}
		}
	}()
	return what, func() {
		ticker.Stop()
		close(done)
		<-ended
	}
}

// A watch ends an attempt to which nothing has happened for too long.
type watch struct {
	limit time.Duration
	timer *time.Timer
	phase atomic.Pointer[string]
	sent  atomic.Bool // something of the request may have been sent
	over  atomic.Bool // the attempt has ended: a late note means nothing
}

// silence is the cause of an attempt that a watch ended.
type silence struct {
	limit time.Duration
	phase string
}

func (s *silence) Error() string {
	return fmt.Sprintf("Request timed out: nothing happened for %v while %s", s.limit, s.phase)
}

func (w *watch) touch(phase string) {
	if !w.over.Load() {
		w.phase.Store(&phase)
		w.timer.Reset(w.limit)
	}
}

func (w *watch) end() {
	w.over.Store(true)
	w.timer.Stop()
}

// An incoming body touches the watch at every read.
type incoming struct {
	io.Reader
	watch *watch
}

func (b *incoming) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.watch.touch(phaseReading)
	return n, err
}

// An outgoing body touches the watch at every read. It is made of the
// caller's slices, so an attempt ends only when it has been closed and is read
// no more: net/http may still be sending it when the answer is there. It is
// of no type that net/http could read again, so a request with it is never
// replayed.
type outgoing struct {
	watch  *watch
	closed chan struct{}

	mu   sync.Mutex
	body *httpjson.Stream // nil when closed
}

func (b *outgoing) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.body == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.body.Read(p)
	b.watch.touch(phaseSending)
	return n, err
}

func (b *outgoing) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.body != nil {
		b.body = nil
		close(b.closed)
	}
	return nil
}

const (
	phaseConnecting = "connecting"
	phaseSending    = "sending the request"
	phaseWaiting    = "waiting for the answer"
	phaseReading    = "reading the answer"
)

// attempt sends a request once. It returns nil when the answer was read.
func (r *Remote) attempt(ctx context.Context, q *request) *outcome {
	w := &watch{limit: r.config.Timeout}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.phase.Store(new(phaseConnecting))
	w.timer = time.AfterFunc(w.limit, func() { cancel(&silence{w.limit, *w.phase.Load()}) })
	defer w.end()

	req, failed := r.newRequest(httptrace.WithClientTrace(inner, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { w.sent.Store(true); w.touch(phaseSending) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.touch(phaseWaiting) },
		GotFirstResponseByte: func() { w.touch(phaseReading) },
	}), q, w)
	if failed != nil {
		return &outcome{err: failed}
	}
	if body, ok := req.Body.(*outgoing); ok {
		defer func() {
			cancel(nil)
			<-body.closed // net/http closes it, whatever happens
		}()
	}
	client := r.pool
	if r.training(q) {
		client = r.once
	}
	res, err := client.Do(req)
	if err != nil {
		return r.broken(ctx, inner, q, w, err)
	}
	defer res.Body.Close()
	limited := &io.LimitedReader{R: &incoming{res.Body, w}, N: r.config.MaxResponse}
	if res.StatusCode/100 != 2 {
		limited.N = maxErrorBody
		body, _ := io.ReadAll(limited) // the status counts, whatever can be read
		return r.refused(q, res, body)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); q.events != nil && kind == "text/event-stream" {
		err = q.events(limited)
	} else {
		reader := httpjson.NewReader(limited)
		if err = q.read(reader); err == nil {
			err = reader.End()
		}
	}
	if err == nil {
		return nil
	}
	if told := (*Error)(nil); errors.As(err, &told) { // in an event
		told.Detail = r.redact(told.Detail)
		return &outcome{err: told}
	}
	var unreadable *httpjson.Error
	if errors.As(err, &unreadable) || limited.N <= 0 {
		detail := "Unexpected error: the answer is not what it should be: " + err.Error()
		if limited.N <= 0 {
			detail = fmt.Sprintf("Unexpected error: the answer has more than %d bytes", r.config.MaxResponse)
		}
		return &outcome{err: r.unknown(q, true, &Error{Op: q.op, Code: CodeServer, Detail: r.redact(detail)})}
	}
	return r.broken(ctx, inner, q, w, err)
}

// training reports whether a request must not be sent twice.
func (r *Remote) training(q *request) bool {
	return q.method == http.MethodPost && len(q.policy.delays) == 0
}

func (r *Remote) newRequest(ctx context.Context, q *request, w *watch) (*http.Request, *Error) {
	var body io.Reader
	size := int64(0)
	if q.body != nil {
		stream := q.body()
		var err error
		if size, err = stream.Size(); err != nil {
			return nil, invalid(q.op, "%v", err)
		}
		body = &outgoing{watch: w, closed: make(chan struct{}), body: stream}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, q.url, body)
	if err != nil {
		return nil, invalid(q.op, "%v", err)
	}
	req.ContentLength = size
	for name, values := range q.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "hudrl")
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	return req, nil
}

// refused is the outcome of an error response.
func (r *Remote) refused(q *request, res *http.Response, body []byte) *outcome {
	a := readAnswer(res.StatusCode, body)
	e := a.failure(q.op)
	e.Detail, e.Hint = r.redact(e.Detail), r.redact(e.Hint)
	if e.Status >= 500 && a.code == "" {
		r.unknown(q, true, e) // a gateway may have lost the answer
	}
	o := &outcome{err: e, again: q.policy.status != nil && q.policy.status(res.StatusCode)}
	if wait, err := strconv.ParseFloat(res.Header.Get("Retry-After"), 64); err == nil && finite(wait) && wait >= 0 && q.policy.advised != nil {
		o.waiting, o.advised = q.policy.advised(min(wait, 3600))
	}
	return o
}

// broken is the outcome of an attempt that the network, the watch or the
// caller ended.
func (r *Remote) broken(ctx, inner context.Context, q *request, w *watch, err error) *outcome {
	sent := w.sent.Load()
	if ctx.Err() != nil {
		return &outcome{err: r.stopped(ctx, q, sent)}
	}
	var silent *silence
	if errors.As(context.Cause(inner), &silent) {
		e := &Error{Op: q.op, Code: CodeTimeout, Detail: silent.Error(), Err: silent}
		return &outcome{err: r.unknown(q, sent, e), again: q.policy.timeout}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the rest is the method and the address
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		e := &Error{Op: q.op, Code: CodeTimeout, Detail: r.redact("Request timed out: " + err.Error()), Err: r.safe(err)}
		return &outcome{err: r.unknown(q, sent, e), again: q.policy.timeout}
	}
	kind := "Network"
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		unknownCA   x509.UnknownAuthorityError
		hostname    x509.HostnameError
	)
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknownCA) || errors.As(err, &hostname) {
		kind = "SSL"
	}
	e := &Error{Op: q.op, Code: CodeNetwork, Detail: r.redact(kind + " error: " + err.Error()), Err: r.safe(err)}
	if !sent {
		e.Hint = "is a service running at " + origin(q.url) + "?"
	}
	return &outcome{err: r.unknown(q, sent, e), again: q.policy.network}
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "that address"
	}
	return u.Scheme + "://" + u.Host
}

// stopped is the error of a call whose context ended.
func (r *Remote) stopped(ctx context.Context, q *request, sent bool) *Error {
	return r.unknown(q, sent, &Error{
		Op: q.op, Code: CodeTimeout, Detail: fmt.Sprintf("stopped before it was done: %v", context.Cause(ctx)),
		Err: errors.Join(ctx.Err(), context.Cause(ctx)),
	})
}

// unknown marks the error of a training call that may have had its effect.
func (r *Remote) unknown(q *request, sent bool, e *Error) *Error {
	if sent && r.training(q) {
		e.Unknown = true
		if e.Hint == "" && q.op == "forward" {
			e.Hint = hintForward
		}
		if e.Hint == "" {
			e.Hint = hintUnknown
		}
	}
	return e
}

// redact takes the key out of a text that the service or the network wrote,
// also where the text was cut in the middle of it.
func (r *Remote) redact(text string) string {
	const tell = 8 // so much of a key is no chance
	for n := len(r.key); n > 0 && n >= min(tell, len(r.key)); n-- {
		text = strings.ReplaceAll(text, r.key[:n], "[secret]")
	}
	return text
}

// safe is err, unless its text has the key.
func (r *Remote) safe(err error) error {
	if text := err.Error(); r.redact(text) != text {
		return errors.New(r.redact(text))
	}
	return err
}
