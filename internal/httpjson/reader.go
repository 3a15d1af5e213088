package httpjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
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

// NewReader reads from src.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: src, buf: make([]byte, 64<<10), mark: -1, names: map[string]string{}}
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
	if r.end > len(r.buf)/2 {
		if r.end > MaxToken {
			r.err = &Error{Detail: fmt.Sprintf("a value of more than %d MiB", MaxToken>>20)}
			return false
		}
		r.buf = slices.Grow(r.buf[:r.end], len(r.buf))
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

// bad is the error for what comes next not being what was wanted.
func (r *Reader) bad(want string) error {
	r.peek()
	if r.pos == r.end {
		if r.err != io.EOF {
			return r.err
		}
		return &Error{Detail: fmt.Sprintf("the text ends after %d bytes, want %s", r.read, want), Err: io.ErrUnexpectedEOF}
	}
	got, cut := r.next()
	if cut && r.err != io.EOF {
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
		return r.bad(want)
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
				return r.bad("a comma or }")
			}
			r.pos++
			c = r.peek()
		}
		if c != '"' {
			return r.bad("a key")
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
			return at(key, r.bad("a colon"))
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
		return false, r.bad("a comma or ]")
	}
	r.pos++
	if r.peek() == ']' {
		return false, at(position(i), r.bad("a value"))
	}
	return true, nil
}

// Float32s reads a list of numbers and appends them to dst.
func (r *Reader) Float32s(dst []float32) ([]float32, error) {
	if err := r.enter('[', "a list of numbers"); err != nil {
		return dst, err
	}
	before := len(dst)
	for {
		more, err := r.more(len(dst) - before)
		if err != nil || !more {
			return dst, err
		}
		// While no number can reach the end of what is visible.
		b, i, done := r.buf, r.pos, false
		for safe := r.end - 64; i < safe; {
			f, next, ok := float32At(b, i)
			if !ok || next >= r.end {
				break
			}
			dst = append(dst, f)
			r.pos, done = next, true
			if b[next] != ',' {
				break
			}
			if i = next + 1; b[i] == ' ' {
				i++
			}
			done = false
		}
		if done {
			continue
		}
		r.pos = i
		f, err := r.float32()
		if err != nil {
			return dst, at(position(len(dst)-before), err)
		}
		dst = append(dst, f)
	}
}

// float32 reads one number the sure way.
func (r *Reader) float32() (float32, error) {
	v, err := r.Float()
	if err != nil {
		return 0, err
	}
	if f := float32(v); !math.IsInf(float64(f), 0) {
		return f, nil
	}
	return 0, &Error{Detail: fmt.Sprintf("got %v, want a number that float32 can hold", v)}
}

// Ints reads a list of whole numbers and appends them to dst.
func (r *Reader) Ints(dst []int) ([]int, error) {
	before := len(dst)
	if err := r.enter('[', "a list of whole numbers"); err != nil {
		return dst, err
	}
	for {
		more, err := r.more(len(dst) - before)
		if err != nil || !more {
			return dst, err
		}
		n, err := r.Int()
		if err != nil {
			return dst, at(position(len(dst)-before), err)
		}
		dst = append(dst, n)
	}
}

// number is the text of the next number, good until the next call.
func (r *Reader) number(want string) ([]byte, error) {
	r.peek()
	n := 0
	for {
		for ; r.pos+n < r.end; n++ {
			switch c := r.buf[r.pos+n]; {
			case c-'0' <= 9, c == '-', c == '+', c == '.', c|0x20 == 'e':
				continue
			}
			break
		}
		if r.pos+n < r.end || !r.fill() {
			break
		}
	}
	if r.err != nil && r.err != io.EOF && r.pos+n == r.end {
		return nil, r.err
	}
	text := r.buf[r.pos : r.pos+n]
	if !isNumber(text) {
		return nil, r.bad(want)
	}
	r.pos += n
	return text, nil
}

// isNumber reports whether text is a number of JSON's grammar.
func isNumber(text []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(text) && text[n]-'0' <= 9 {
			n++
		}
		text = text[n:]
		return n > 0
	}
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	if len(text) > 1 && text[0] == '0' && text[1]-'0' <= 9 {
		return false
	}
	if !digits() {
		return false
	}
	if len(text) > 0 && text[0] == '.' {
		if text = text[1:]; !digits() {
			return false
		}
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		text = text[1:]
		if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
			text = text[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(text) == 0
}

// Float reads a finite number.
func (r *Reader) Float() (float64, error) {
	text, err := r.number("a number")
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, &Error{Detail: "got " + clip(string(text)) + ", want a number that float64 can hold"}
	}
	return v, nil
}

// Int reads a whole number, written without a point or an exponent.
func (r *Reader) Int() (int, error) {
	text, err := r.number("a whole number")
	if err != nil {
		return 0, err
	}
	v, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, &Error{Detail: "got " + clip(string(text)) + ", want a whole number of 64 bits"}
	}
	return v, nil
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	if r.literal("true") {
		return true, nil
	}
	if r.literal("false") {
		return false, nil
	}
	return false, r.bad("true or false")
}

// Null reads a null if one comes next, and reports whether it did.
func (r *Reader) Null() bool { return r.literal("null") }

func (r *Reader) literal(word string) bool {
	if r.peek() != word[0] {
		return false
	}
	for r.end-r.pos < len(word) && r.fill() {
	}
	if !bytes.HasPrefix(r.buf[r.pos:r.end], []byte(word)) {
		return false
	}
	r.pos += len(word)
	return true
}

// quoted is the text of the next string with its quotes, good until the next
// call, and whether it has escapes.
func (r *Reader) quoted() (text []byte, escaped bool, err error) {
	if r.peek() != '"' {
		return nil, false, r.bad("a string")
	}
	for n := 1; ; {
		for ; r.pos+n < r.end; n++ {
			switch c := r.buf[r.pos+n]; {
			case c == '"':
				text = r.buf[r.pos : r.pos+n+1]
				r.pos += n + 1
				return text, escaped, nil
			case c == '\\':
				escaped = true
				n++ // whatever follows, which may not be visible yet
			case c < ' ':
				return nil, false, &Error{Detail: fmt.Sprintf("a string with the control character %q", c)}
			}
		}
		if !r.fill() {
			r.pos = r.end
			return nil, false, r.bad("the end of a string")
		}
	}
}

// String reads a string. As encoding/json does, it replaces what is no UTF-8.
func (r *Reader) String() (string, error) {
	text, escaped, err := r.quoted()
	if err != nil {
		return "", err
	}
	if !escaped && utf8.Valid(text) {
		return string(text[1 : len(text)-1]), nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "", &Error{Detail: "a broken string"}
	}
	return s, nil
}

// Skip reads a value of any kind and forgets it.
func (r *Reader) Skip() error {
	switch c := r.peek(); {
	case c == '{':
		return r.Object(func(string) error { return r.Skip() })
	case c == '[':
		return r.List(func(int) error { return r.Skip() })
	case c == '"':
		_, err := r.String()
		return err
	case c == '-' || c-'0' <= 9:
		_, err := r.number("a value")
		return err
	case r.literal("true"), r.literal("false"), r.literal("null"):
		return nil
	}
	return r.bad("a value")
}

// Raw reads a value of any kind as it is written. The caller owns it.
func (r *Reader) Raw() (json.RawMessage, error) {
	r.peek()
	r.mark = r.pos
	err := r.Skip()
	text := r.buf[r.mark:r.pos]
	r.mark = -1
	if err != nil {
		return nil, err
	}
	return bytes.Clone(text), nil
}

// Kind is the first byte of the next value: one of { [ " t f n, or that of a
// number; 0 at the end.
func (r *Reader) Kind() byte { return r.peek() }

// End wants nothing more than white space.
func (r *Reader) End() error {
	if c := r.peek(); c != 0 || r.pos < r.end {
		return r.bad("the end of the text")
	}
	if r.err != io.EOF {
		return r.err
	}
	return nil
}
