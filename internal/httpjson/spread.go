package httpjson

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A Part reads elements of a list that somebody else reads too.
type Part interface {
	// Element reads element i, from 0, from the Reader the part was made for.
	Element(i int) error
	// Merge hands over the elements read since the last time. Merges happen one
	// at a time, in the order of the elements.
	Merge() error
}

// Spread reads a list like List. Where there are processors to spare, a long
// one is read by several goroutines: the text is cut between elements, and
// parts made for Readers of pieces of it read those. What is read and what is
// wrong with it are the same.
func (r *Reader) Spread(element func(i int) error, part func(r *Reader) Part) error {
	return r.spreadOver(min(runtime.GOMAXPROCS(0)-1, maxHelpers), block, element, part)
}

// spreadOver spreads a list over so many goroutines beside the caller's, in
// pieces of so many bytes.
func (r *Reader) spreadOver(helpers, block int, element func(i int) error, part func(r *Reader) Part) error {
	if err := r.enter('[', "a list"); err != nil {
		return err
	}
	spread := helpers > 0
	for i := 0; ; i++ {
		if spread && r.read >= int64(block/2) {
			spread = false
			n, err := r.spread(i, helpers, block, part)
			if err != nil {
				return err
			}
			i += n
		}
		more, err := r.more(i)
		if err != nil || !more {
			return err
		}
		if err := element(i); err != nil {
			return at(position(i), err)
		}
	}
}

const (
	block      = 128 << 10 // of text is a piece
	largest    = 64 << 20  // element that is cut out
	maxHelpers = 3
)

// spare are Readers of pieces, whose buffers are worth keeping.
var spare = sync.Pool{New: func() any { return &Reader{mark: -1, names: map[string]string{}} }}

func keep(h *Reader) {
	if len(h.buf) <= 4*block {
		spare.Put(h)
	}
}

// A piece is some elements' text and what reads them.
type piece struct {
	reader *Reader
	part   Part
	first  int // element
	n      int // elements
	state  atomic.Int32
	done   chan error
}

const (
	free int32 = iota
	ready
	taken
)

// take reads the piece unless somebody does already.
func (p *piece) take() bool {
	if !p.state.CompareAndSwap(ready, taken) {
		return false
	}
	p.done <- p.read()
	return true
}

func (p *piece) read() error {
	for i := p.first; i < p.first+p.n; i++ {
		_, err := p.reader.more(i) // there is one: it was seen
		if err != nil {
			return err
		}
		if err := p.part.Element(i); err != nil {
			return at(position(i), err)
		}
	}
	return nil
}

// spread reads elements from element first on, as long as whole ones can be
// cut out of the text, and returns how many it read. What follows them, an
// element that is not whole or the end, is left to the caller.
func (r *Reader) spread(first, helpers, block int, part func(r *Reader) Part) (n int, err error) {
	pieces := make([]*piece, helpers+2)
	for i := range pieces {
		h := spare.Get().(*Reader)
		defer keep(h)
		pieces[i] = &piece{reader: h, part: part(h), done: make(chan error, 1)}
	}
	wake := make(chan struct{}, len(pieces))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(wake)
	for range helpers {
		wg.Go(func() {
			for range wake {
				for _, p := range pieces {
					p.take()
				}
			}
		})
	}
	oldest, used := 0, 0
	finish := func() error { // the oldest piece
		p := pieces[oldest%len(pieces)]
		for k := range used { // rather than wait for it, read another
			if len(p.done) > 0 {
				break
			}
			pieces[(oldest+k)%len(pieces)].take()
		}
		err := <-p.done
		p.state.Store(free)
		oldest, used = oldest+1, used-1
		if err != nil {
			return err
		}
		return p.part.Merge()
	}
	drop := func() { // those that nobody has begun, and wait for the others
		for ; used > 0; oldest, used = oldest+1, used-1 {
			if p := pieces[oldest%len(pieces)]; !p.state.CompareAndSwap(ready, free) {
				<-p.done
			}
		}
	}
	for {
		end, count := r.whole(first+n == 0, block)
		if count == 0 {
			break
		}
		if used == len(pieces) {
			if err := finish(); err != nil {
				drop()
				return n, err
			}
		}
		p := pieces[(oldest+used)%len(pieces)]
		h := p.reader
		// The piece gets the text, and its buffer takes what is left of it.
		text, pos := r.buf, r.pos
		rest := text[end:r.end]
		if size := max(len(rest), block) + padding; len(h.buf) < size {
			h.buf = make([]byte, size)
		}
		r.buf, r.pos, r.end = h.buf, 0, copy(h.buf, rest)
		clear(r.buf[r.end : r.end+padding])
		h.buf, h.pos, h.end, h.read, h.err, h.depth, h.seen = text, pos, end, r.read-int64(len(rest)), io.EOF, r.depth, nil
		p.first, p.n = first+n, count
		n, used = n+count, used+1
		p.state.Store(ready)
		select {
		case wake <- struct{}{}:
		default: // helpers have been called more often than there are pieces
		}
	}
	for used > 0 {
		if err := finish(); err != nil {
			drop()
			return n, err
		}
	}
	return n, nil
}

// whole makes a block of text visible and finds as many elements, or one, that
// are whole in it: where the last ends, and how many. No element comes before
// the first.
func (r *Reader) whole(first bool, block int) (end, n int) {
	for want := block; ; want *= 2 {
		r.top(want)
		for i := r.pos; i-r.pos < block; n++ {
			i = blank(r.buf[:r.end], i)
			if !first || n > 0 {
				if i == r.end || r.buf[i] != ',' {
					break
				}
				i = blank(r.buf[:r.end], i+1)
			}
			if i = skim(r.buf[:r.end], i); i < 0 {
				break
			}
			end = i
		}
		if n > 0 || r.err != nil || want >= largest {
			return end, n
		}
	}
}

// top makes so many bytes visible, if there are.
func (r *Reader) top(want int) {
	if r.pos > 0 {
		r.pos, r.end = 0, copy(r.buf, r.buf[r.pos:r.end])
	}
	if size := want + padding; len(r.buf) < size {
		r.buf = slices.Grow(r.buf[:r.end], size-r.end)[:size]
	}
	for empty := 0; r.err == nil && r.end < want; {
		n, err := r.src.Read(r.buf[r.end:want])
		r.end, r.read, r.err = r.end+n, r.read+int64(n), err
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 && err == nil {
			r.err = io.ErrNoProgress
		}
	}
	clear(r.buf[r.end : r.end+padding])
}

// blank is where white space that begins at i ends.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skim is where the object, list or string that begins at i ends, or -1 when
// it is none, is not whole or is nested too deep. It looks at nothing but
// strings and brackets: up to there, a Reader reads the same or finds an error.
func skim(b []byte, i int) int {
	lists := uint64(0) // whether what is open is a list, the innermost lowest
	for depth := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			if i = closing(b, i+1); i < 0 {
				return -1
			}
		case '{':
			depth++
			lists <<= 1
		case '[':
			depth++
			lists = lists<<1 | 1
			if i+1 < len(b) && (b[i+1] == '-' || b[i+1]-'0' <= 9) { // of numbers, most likely
				n := bytes.IndexByte(b[i:], ']')
				if n < 0 {
					return -1
				}
				if list := b[i+1 : i+n]; bytes.IndexByte(list, '"') < 0 && bytes.IndexByte(list, '[') < 0 {
					i += n
					depth--
					lists >>= 1
				}
			}
		case ']', '}':
			if depth == 0 || (c == ']') != (lists&1 == 1) {
				return -1
			}
			depth--
			lists >>= 1
		default:
			if depth == 0 {
				return -1
			}
			continue
		}
		if depth <= 0 {
			return i + 1
		}
		if depth > MaxDepth {
			return -1
		}
	}
	return -1
}

// closing is where the quote is that closes the string whose text begins at i,
// or -1.
func closing(b []byte, i int) int {
	for first := i; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		escapes := 0
		for k := i - 1; k >= first && b[k] == '\\'; k-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}
