package httpjson

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 64

// MaxToken bounds what must be held at once: one string, one number, one raw
// value.
const MaxToken = 256 << 20

// An Error says what is wrong with a text and where. Positions in Path count
// from 1.
type Error struct {
	Path   string // "inputs[3].reward", or "" at the top
	Detail string
	Err    error // io.ErrUnexpectedEOF when the text was cut short, else nil
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return e.Path + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Err }

// at puts a step in front of an error's path. Errors of the source, which are
// not about the text, stay as they are.
func at(step string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	if e.Path != "" && e.Path[0] != '[' {
		step += "."
	}
	return &Error{Path: step + e.Path, Detail: e.Detail, Err: e.Err}
}

// A Reader reads one JSON value from a source, piece by piece: each method
// reads one value of the kind it names. Errors about the text are *Error,
// others those of the source. After an error a Reader is of no use.
type Reader struct {
	src      io.Reader
	buf      []byte // buf[pos:end] is unread; padding follows end
	pos, end int
	mark     int // where a raw value began, or -1
	read     int64
	err      error // what ended the source

	depth int
	names map[string]string // keys seen, so that each is allocated once
	seen  []string          // keys of the objects being read
}

// Buffers are short until the text proves to be long: many answers are, and
// many are read at once. Long ones take more than net/http keeps back, so that
// it reads straight into them.
const short, long = 4 << 10, 160 << 10

// NewReader reads from src.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: src, buf: make([]byte, short), mark: -1, names: map[string]string{}}
}

// Bytes reads from text.
func Bytes(text []byte) *Reader {
	buf := make([]byte, len(text)+padding)
	copy(buf, text)
	return &Reader{buf: buf, end: len(text), read: int64(len(text)), err: io.EOF, mark: -1, names: map[string]string{}}
}

// fill makes more of the text visible and reports whether there was more.
// Positions in buf change.
func (r *Reader) fill() bool {
	if r.err != nil {
		return false
	}
	keep := r.pos
	if r.mark >= 0 {
		keep = r.mark
		r.mark = 0
	}
	copy(r.buf, r.buf[keep:r.end])
	r.pos, r.end = r.pos-keep, r.end-keep
	if r.end > len(r.buf)/2 || r.read >= short && len(r.buf) < long {
		if r.end > MaxToken {
			r.err = &Error{Detail: fmt.Sprintf("a value of more than %d MiB", MaxToken>>20)}
			return false
		}
		r.buf = slices.Grow(r.buf[:r.end], max(len(r.buf), long-r.end))
		r.buf = r.buf[:cap(r.buf)]
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end : len(r.buf)-padding])
		r.end += n
		r.read += int64(n)
		clear(r.buf[r.end : r.end+padding])
		r.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	r.err = io.ErrNoProgress
	return false
}

// peek skips white space and returns the next byte, 0 at the end.
func (r *Reader) peek() byte {
	for {
		for ; r.pos < r.end; r.pos++ {
			switch c := r.buf[r.pos]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c
			}
		}
		if !r.fill() {
			return 0
		}
	}
}

// Expected is the error that says what came where want was wanted.
func (r *Reader) Expected(want string) error {
	r.peek()
	if r.pos == r.end {
		if r.err != io.EOF {
			return r.err
		}
		return &Error{Detail: fmt.Sprintf("the text ends after %d bytes, want %s", r.read, want), Err: io.ErrUnexpectedEOF}
	}
	got, cut := r.next()
	if cut && r.err != nil && r.err != io.EOF {
		return r.err
	}
	return &Error{Detail: "got " + got + ", want " + want}
}

// next shows what comes next; cut says that the source may have ended in the
// middle of it.
func (r *Reader) next() (text string, cut bool) {
	switch r.buf[r.pos] {
	case '{':
		return "an object", false
	case '[':
		return "a list", false
	case '"':
		if s, err := r.String(); err == nil {
			return strconv.Quote(clip(s)), false
		}
		return "a broken string", r.pos == r.end
	}
	for r.end-r.pos <= maxShown && r.fill() {
	}
	shown := r.buf[r.pos:min(r.end, r.pos+maxShown+1)]
	if i := bytes.IndexAny(shown, ",:]}[{\" \t\r\n"); i >= 0 {
		shown = shown[:max(i, 1)]
	}
	cut = r.pos+len(shown) == r.end
	if text = clip(string(shown)); !printable(text) {
		text = strconv.QuoteToASCII(text)
	}
	return text, cut
}

const maxShown = 40

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:maxShown]), nil)) + "…"
}

func printable(s string) bool {
	for _, c := range s {
		if !strconv.IsPrint(c) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// enter reads the bracket that opens a list or an object.
func (r *Reader) enter(open byte, want string) error {
	if r.peek() != open {
		return r.Expected(want)
	}
	r.pos++
	if r.depth++; r.depth > MaxDepth {
		return &Error{Detail: fmt.Sprintf("nested more than %d deep", MaxDepth)}
	}
	return nil
}

// Object reads an object. member is called for each key and reads its value.
// A key that comes twice is an error.
func (r *Reader) Object(member func(key string) error) error {
	if err := r.enter('{', "an object"); err != nil {
		return err
	}
	first := len(r.seen)
	var many map[string]bool // the keys, once a list is too long to search
	for n := 0; ; n++ {
		c := r.peek()
		if c == '}' {
			break
		}
		if n > 0 {
			if c != ',' {
				return r.Expected("a comma or }")
			}
			r.pos++
			c = r.peek()
		}
		if c != '"' {
			return r.Expected("a key")
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		switch {
		case many != nil:
			if many[key] {
				return at(key, &Error{Detail: "the key comes twice"})
			}
			many[key] = true
		case slices.Contains(r.seen[first:], key):
			return at(key, &Error{Detail: "the key comes twice"})
		default:
			if r.seen = append(r.seen, key); len(r.seen)-first > 16 {
				many = map[string]bool{}
				for _, k := range r.seen[first:] {
					many[k] = true
				}
			}
		}
		if r.peek() != ':' {
			return at(key, r.Expected("a colon"))
		}
		r.pos++
		if err := member(key); err != nil {
			return at(key, err)
		}
	}
	r.pos++
	r.depth--
	r.seen = r.seen[:first]
	return nil
}

// key reads a string that is likely to have come before.
func (r *Reader) key() (string, error) {
	if end := bytes.IndexByte(r.buf[r.pos+1:r.end], '"'); end >= 0 {
		if known, ok := r.names[string(r.buf[r.pos+1:r.pos+1+end])]; ok {
			r.pos += end + 2
			return known, nil
		}
	}
	s, err := r.String()
	// A key with a backslash is not what is found between quotes.
	if err == nil && len(r.names) < 1000 && strings.IndexByte(s, '\\') < 0 {
		r.names[s] = s
	}
	return s, err
}

// List reads a list. element is called for each element, from 0, and reads it.
func (r *Reader) List(element func(i int) error) error {
	if err := r.enter('[', "a list"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := r.more(i)
		if err != nil || !more {
			return err
		}
		if err := element(i); err != nil {
			return at(position(i), err)
		}
	}
}

func position(i int) string { return "[" + strconv.Itoa(i+1) + "]" }

// more reads what stands before element i of a list, or its end.
func (r *Reader) more(i int) (bool, error) {
	switch c := r.peek(); {
	case c == ']':
		r.pos++
		r.depth--
		return false, nil
	case i == 0:
		return true, nil
	case c != ',':
		return false, r.Expected("a comma or ]")
	}
	r.pos++
	if r.peek() == ']' {
		return false, at(position(i), r.Expected("a value"))
	}
	return true, nil
}

// A Field is one member of an object whose members are known.
type Field struct {
	Name     string
	Required bool // must be there; if not, null is the same as absence
	Read     func() error
}

// Fields reads an object of known members. Others are errors that say which
// there are.
func (r *Reader) Fields(fields ...Field) error {
	met := make([]bool, len(fields))
	err := r.Object(func(key string) error {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == key })
		if i < 0 {
			var names []string
			for _, f := range fields {
				names = append(names, f.Name)
			}
			return &Error{Detail: "unknown field, want " + strings.Join(names, ", ")}
		}
		met[i] = true
		if !fields[i].Required && r.Null() {
			return nil
		}
		return fields[i].Read()
	})
	if err != nil {
		return err
	}
	for i, f := range fields {
		if f.Required && !met[i] {
			return at(f.Name, &Error{Detail: "missing"})
		}
	}
	return nil
}

// Into reads into *dst with one of a Reader's methods.
func Into[T any](dst *T, read func() (T, error)) func() error {
	return func() error {
		v, err := read()
		if err == nil {
			*dst = v
		}
		return err
	}
}
