package httpjson

import (
	"io"
	"slices"
)

// chunk is how much of a body is made at once.
const chunk = 64 << 10

// A Stream is a body that is made while it is read, a piece at a time. It can
// be read once.
type Stream struct {
	next func(b []byte) ([]byte, error)
	buf  []byte
	pos  int
	err  error // what ended the pieces, io.EOF after the last
}

// NewStream makes a body of pieces: next appends one to b, and returns io.EOF
// with the last.
func NewStream(next func(b []byte) ([]byte, error)) *Stream {
	return &Stream{next: next}
}

// Size is how long the whole body is, or -1 when it is not small enough to be
// known before it is read. An error is that of a piece.
func (s *Stream) Size() (int64, error) {
	s.make()
	switch s.err {
	case nil:
		return -1, nil
	case io.EOF:
		return int64(len(s.buf) - s.pos), nil
	}
	return 0, s.err
}

// make makes pieces until a chunk is there.
func (s *Stream) make() {
	if s.pos == len(s.buf) {
		s.pos, s.buf = 0, s.buf[:0]
	}
	for s.err == nil && len(s.buf) < chunk {
		s.buf, s.err = s.next(s.buf)
		if len(s.buf) > chunk/16 && cap(s.buf) < 2*chunk { // the body is long: no more growing by and by
			s.buf = slices.Grow(s.buf, 2*chunk-len(s.buf))
		}
	}
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if s.pos == len(s.buf) {
		s.make()
	}
	if s.pos == len(s.buf) {
		return 0, s.err
	}
	n := copy(p, s.buf[s.pos:])
	s.pos += n
	return n, nil
}

// WriteTo implements io.WriterTo, without the copy of Read.
func (s *Stream) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if s.pos == len(s.buf) {
			s.make()
		}
		if s.pos == len(s.buf) {
			if s.err == io.EOF {
				return written, nil
			}
			return written, s.err
		}
		n, err := w.Write(s.buf[s.pos:])
		s.pos += n
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}
