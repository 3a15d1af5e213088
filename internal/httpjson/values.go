package httpjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// "1.0," and "0.0,", the first character lowest.
const one, zero = 0x2c302e31, 0x2c302e30

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
	scan:
		for safe := r.end - 64; i < safe; done = false {
			switch binary.LittleEndian.Uint32(b[i:]) {
			case one: // masks are of these
				dst, i = append(dst, 1), i+3
			case zero:
				dst, i = append(dst, 0), i+3
			default:
				first := i
				if dst, i, done = plains(dst, b, i, safe); done {
					break scan
				}
				if i > first {
					continue
				}
				f, next, ok := float32At(b, i)
				if !ok || next >= r.end {
					break scan
				}
				dst, i = append(dst, f), next
			}
			if done = true; b[i] != ',' {
				break
			}
			if i++; b[i] == ' ' {
				i++
			}
		}
		r.pos = i
		if done {
			continue
		}
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
		return nil, r.Expected(want)
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
	return false, r.Expected("true or false")
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
		return nil, false, r.Expected("a string")
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
			return nil, false, r.Expected("the end of a string")
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
	return r.Expected("a value")
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
		return r.Expected("the end of the text")
	}
	if r.err != io.EOF {
		return r.err
	}
	return nil
}
