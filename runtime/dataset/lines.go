// Package dataset reads JSON lines in batches: in the files' order without
// holding them, or shuffled by an index of where each line begins.
//
//	lines, err := dataset.New(dataset.File{Name: "train.jsonl", Open: open})
//	order := dataset.Order{N: n, Batch: 32, Shuffle: true, Seed: 1}
//	numbers, err := order.Of(ctx, 0, nil)
//	records, err := lines.Read(ctx, numbers)
//
// Nothing stays open between two calls, and a file that changes between them
// is refused. Lines end in LF or CRLF, the last may lack its end, blank ones
// and a byte order mark are passed over.
package dataset

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"sync"
	"time"
)

// A Handle is an open file.
type Handle interface {
	io.ReaderAt
	io.Closer
}

// A Stamp tells whether a file was changed.
type Stamp struct {
	Size     int64
	Modified time.Time
}

// A File is one of a data set's.
type File struct {
	Name string // as messages call it
	Open func() (Handle, Stamp, error)
}

// A Record is one line that is not blank, without its end.
type Record struct {
	Text []byte
	At   int64 // where it begins: see Lines.Place
}

// DefaultMaxLine is the longest line, in bytes, unless SetMaxLine says more.
const DefaultMaxLine = 16 << 20

// chunk is how much is read at once, and how often a context is asked.
const chunk = 256 << 10

// Lines are the lines of some files, one after the other. Positions count
// bytes from the first file's beginning to the last one's end. It is safe for
// concurrent use.
type Lines struct {
	files  []File
	stamps []Stamp
	base   []int64 // where each file begins; one more entry for the end
	max    int

	mu     sync.Mutex // guards the index, and is held while it is made
	starts []int64
	known  bool
	count  int // -1 when nobody has counted
}

// New opens each file once, to see that it is there and how large it is.
func New(files ...File) (*Lines, error) {
	l := &Lines{files: files, base: make([]int64, 1, len(files)+1), max: DefaultMaxLine, count: -1}
	for _, f := range files {
		h, stamp, err := f.Open()
		if err != nil {
			return nil, err
		}
		if err := h.Close(); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		l.stamps = append(l.stamps, stamp)
		l.base = append(l.base, l.base[len(l.base)-1]+stamp.Size)
	}
	return l, nil
}

// SetMaxLine sets the longest line; longer ones are refused when they are met.
func (l *Lines) SetMaxLine(bytes int) { l.max = bytes }

// Size is the size of all files together.
func (l *Lines) Size() int64 { return l.base[len(l.base)-1] }

// ErrChanged is a file that is not as it was when it was first opened.
var ErrChanged = errors.New("the file was changed while it was read")

// open opens file i, which must be as it was.
func (l *Lines) open(i int) (Handle, error) {
	h, stamp, err := l.files[i].Open()
	if err != nil {
		return nil, err
	}
	if stamp != l.stamps[i] {
		return nil, fmt.Errorf("%s: %w", l.files[i].Name, errors.Join(ErrChanged, h.Close()))
	}
	return h, nil
}

// fileAt is the file that holds position at.
func (l *Lines) fileAt(at int64) int {
	return sort.Search(len(l.files)-1, func(i int) bool { return l.base[i+1] > at })
}

// scan calls f with each record from position at on, until f returns false or
// the files end, and returns the position after the last line it read. Text is
// only valid during the call.
func (l *Lines) scan(ctx context.Context, at int64, f func(Record) bool) (int64, error) {
	for at < l.Size() {
		i := l.fileAt(at)
		next, more, err := l.scanFile(ctx, i, at, f)
		if err != nil || !more {
			return next, err
		}
		at = next
	}
	return at, nil
}

func (l *Lines) scanFile(ctx context.Context, i int, at int64, f func(Record) bool) (next int64, more bool, err error) {
	h, err := l.open(i)
	if err != nil {
		return at, false, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	offset := at - l.base[i]
	in := bufio.NewReaderSize(io.NewSectionReader(h, offset, l.stamps[i].Size-offset), chunk)
	var long []byte // of a line beyond the buffer
	for polled := at - chunk; ; {
		if at-polled >= chunk {
			if err := ctx.Err(); err != nil {
				return at, false, context.Cause(ctx)
			}
			polled = at
		}
		part, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			if err := ctx.Err(); err != nil {
				return at, false, context.Cause(ctx)
			}
			if len(long)+len(part) > l.max {
				return at, false, l.tooLong(ctx, at)
			}
			long = append(long, part...)
			continue
		}
		if err != nil && err != io.EOF {
			return at, false, fmt.Errorf("%s: %w", l.files[i].Name, err)
		}
		line := part
		if long != nil {
			line = append(long, part...)
			long = nil
		}
		if len(line) == 0 {
			if at != l.base[i+1] {
				return at, false, fmt.Errorf("%s: %w", l.files[i].Name, ErrChanged)
			}
			return at, true, nil
		}
		text := trim(line, at == l.base[i])
		if len(text) > l.max {
			return at, false, l.tooLong(ctx, at)
		}
		begin := at
		at += int64(len(line))
		if len(text) > 0 && !f(Record{Text: text, At: begin}) {
			return at, false, nil
		}
	}
}

func (l *Lines) tooLong(ctx context.Context, at int64) error {
	place, err := l.Place(ctx, at)
	if err != nil {
		return err
	}
	return &LongError{Place: place, Max: l.max}
}

// A LongError is a line beyond the limit.
type LongError struct {
	Place string // file:line
	Max   int    // bytes
}

func (e *LongError) Error() string {
	return fmt.Sprintf("%s: the line is longer than %d bytes", e.Place, e.Max)
}

var mark = []byte("\ufeff")

// trim is a line without its end, blanks around it, and in a file's first one
// without a byte order mark.
func trim(line []byte, first bool) []byte {
	if first {
		line = bytes.TrimPrefix(line, mark)
	}
	return bytes.Trim(line, " \t\r\n")
}

// Next reads n records, or those that are left, from position at on, and
// returns the position behind them: 0 begins.
func (l *Lines) Next(ctx context.Context, at int64, n int) ([]Record, int64, error) {
	if n <= 0 {
		return nil, at, nil
	}
	var out []Record
	next, err := l.scan(ctx, at, func(r Record) bool {
		r.Text = bytes.Clone(r.Text)
		out = append(out, r)
		return len(out) < n
	})
	return out, next, err
}

// Skip is Next for whoever needs only how many there were.
func (l *Lines) Skip(ctx context.Context, at int64, n int) (skipped int, next int64, err error) {
	if n <= 0 {
		return 0, at, nil
	}
	next, err = l.scan(ctx, at, func(Record) bool {
		skipped++
		return skipped < n
	})
	return skipped, next, err
}

// Len counts the records. The first call reads the files once.
func (l *Lines) Len(ctx context.Context) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= 0 {
		return l.count, nil
	}
	n, _, err := l.Skip(ctx, 0, math.MaxInt)
	if err == nil {
		l.count = n
	}
	return n, err
}

// index finds where each record begins, once: eight bytes a record.
func (l *Lines) index(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return nil
	}
	var starts []int64
	if _, err := l.scan(ctx, 0, func(r Record) bool {
		starts = append(starts, r.At)
		return true
	}); err != nil {
		return err
	}
	l.starts, l.known, l.count = starts, true, len(starts)
	return nil
}

// Read reads the records of these numbers, from 0, in that order. The first
// call reads the files once and keeps an index of eight bytes a record.
func (l *Lines) Read(ctx context.Context, numbers []uint32) ([]Record, error) {
	if err := l.index(ctx); err != nil {
		return nil, err
	}
	for _, n := range numbers {
		if int(n) >= len(l.starts) {
			return nil, fmt.Errorf("record %d: there are %d", n, len(l.starts))
		}
	}
	out := make([]Record, len(numbers))
	order := make([]int, len(numbers)) // file by file
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return numbers[order[a]] < numbers[order[b]] })
	for k := 0; k < len(order); {
		file := l.fileAt(l.starts[numbers[order[k]]])
		h, err := l.open(file)
		if err != nil {
			return nil, err
		}
		for ; k < len(order) && err == nil; k++ {
			at := l.starts[numbers[order[k]]]
			if at >= l.base[file+1] {
				break
			}
			out[order[k]], err = l.one(ctx, h, file, at)
		}
		if err = errors.Join(err, h.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// one reads the record that begins at a position.
func (l *Lines) one(ctx context.Context, h Handle, file int, at int64) (Record, error) {
	var text []byte
	offset, size := at-l.base[file], 4<<10
	for {
		if err := ctx.Err(); err != nil {
			return Record{}, context.Cause(ctx)
		}
		want := min(int64(size), l.stamps[file].Size-offset-int64(len(text)))
		part := make([]byte, want)
		n, err := h.ReadAt(part, offset+int64(len(text)))
		if err != nil && (err != io.EOF || int64(n) < want) {
			if err == io.EOF {
				err = ErrChanged
			}
			return Record{}, fmt.Errorf("%s: %w", l.files[file].Name, err)
		}
		end := bytes.IndexByte(part, '\n')
		if end >= 0 {
			part = part[:end]
		}
		text = append(text, part...)
		if end >= 0 || want == 0 {
			return Record{Text: trim(text, offset == 0), At: at}, nil
		}
		size = min(2*size, chunk)
	}
}

// Place is a position as a person looks it up: file:line.
func (l *Lines) Place(ctx context.Context, at int64) (string, error) {
	i := l.fileAt(at)
	h, err := l.open(i)
	if err != nil {
		return "", err
	}
	defer h.Close()
	in := io.NewSectionReader(h, 0, at-l.base[i])
	line := 1
	for buf := make([]byte, chunk); ; {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		n, err := in.Read(buf)
		line += bytes.Count(buf[:n], []byte("\n"))
		if err == io.EOF {
			return fmt.Sprintf("%s:%d", l.files[i].Name, line), nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", l.files[i].Name, err)
		}
	}
}
