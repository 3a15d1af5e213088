package serve

import (
	"io"
	"net/http"
	"time"
)

// An exchange is a request and its answer: it counts what passes and ends
// when nothing does for too long.
type exchange struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	heard    bool // nothing more of the request will be waited for
	openAI   bool // the client expects OpenAI's errors
	status   int  // 0 before the answer has begun
	sent     int64
	received int64
}

func newExchange(w http.ResponseWriter, r *http.Request, stall time.Duration) *exchange {
	x := &exchange{ResponseWriter: w, control: http.NewResponseController(w), stall: stall, heard: r.ContentLength == 0}
	x.allow(x.control.SetWriteDeadline, 0) // of the request before
	return x
}

// allow moves a deadline; 0 is none. Writers that are no connection have none.
func (x *exchange) allow(set func(time.Time) error, d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = set(at)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. What is long is written in pieces, each
// of which has its time.
func (x *exchange) Write(p []byte) (n int, err error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if !x.heard {
		// net/http reads what nobody did before it answers.
		x.allow(x.control.SetReadDeadline, x.stall/2)
	}
	const piece = 64 << 10
	for first := true; first || n < len(p) && err == nil; first = false {
		x.allow(x.control.SetWriteDeadline, x.stall)
		var m int
		m, err = x.ResponseWriter.Write(p[n:min(n+piece, len(p))])
		n += m
	}
	x.sent += int64(n)
	return n, err
}

// A patient body waits so long for each piece of a request.
type patient struct {
	io.ReadCloser
	*exchange
}

func (b patient) Read(p []byte) (int, error) {
	b.allow(b.control.SetReadDeadline, b.stall)
	n, err := b.ReadCloser.Read(p)
	b.received += int64(n)
	b.heard = b.heard || err != nil
	if err == io.EOF {
		b.allow(b.control.SetReadDeadline, 0) // net/http listens for the client's end
	}
	return n, err
}
