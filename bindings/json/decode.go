package json

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// A decoder reads one value, strictly by RFC 8259, and refuses what a Lua
// value could not hold without loss.
type decoder struct {
	ctx      context.Context
	text     string
	at       int
	depth    int
	seen     int
	maxItems int
	array    *lua.LTable // the metatable of arrays, which tells [] from {}
	null     *lua.LUserData
	table    func(narray, nhash int) *lua.LTable
}

// A SyntaxError is a text that is no JSON, or holds what a Lua value cannot.
type SyntaxError struct {
	Line, Column int // from 1; the column counts bytes
	Detail       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("decode: line %d, column %d: %s", e.Line, e.Column, e.Detail)
}

// fail names the line and the byte in it, from 1.
func (d *decoder) fail(format string, args ...any) error {
	before := d.text[:min(d.at, len(d.text))]
	line := 1 + strings.Count(before, "\n")
	column := len(before) - strings.LastIndexByte(before, '\n')
	return &SyntaxError{line, column, fmt.Sprintf(format, args...)}
}

// found names what is at the current place.
func (d *decoder) found() string {
	if d.at >= len(d.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(d.text[d.at:])
	return strconv.QuoteRune(r)
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// document reads the whole text as one value.
func (d *decoder) document() (lua.LValue, error) {
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	d.space()
	if d.at < len(d.text) {
		return nil, d.fail("got %s after the value, want the end", d.found())
	}
	return v, nil
}

func (d *decoder) value() (lua.LValue, error) {
	if d.seen++; d.seen%pollEvery == 0 {
		if err := context.Cause(d.ctx); err != nil {
			return nil, err
		}
	}
	d.space()
	if d.at >= len(d.text) {
		return nil, d.fail("got the end, want a value")
	}
	switch c := d.text[d.at]; {
	case c == '{':
		return d.nested(d.object)
	case c == '[':
		return d.nested(d.list)
	case c == '"':
		s, err := d.str()
		return lua.LString(s), err
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for _, w := range []struct {
		text  string
		value lua.LValue
	}{{"true", lua.LTrue}, {"false", lua.LFalse}, {"null", d.null}} {
		if strings.HasPrefix(d.text[d.at:], w.text) {
			d.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, d.fail("got %s, want a value", d.found())
}

func (d *decoder) nested(read func() (lua.LValue, error)) (lua.LValue, error) {
	if d.depth == maxDepth {
		return nil, d.fail("nested deeper than %d", maxDepth)
	}
	d.depth++
	v, err := read()
	d.depth--
	return v, err
}

func (d *decoder) list() (lua.LValue, error) {
	t := d.table(0, 0)
	t.Metatable = d.array
	d.at++
	d.space()
	if d.at < len(d.text) && d.text[d.at] == ']' {
		d.at++
		return t, nil
	}
	for n := 1; ; n++ {
		if n > d.maxItems {
			return nil, d.fail("got a list of more than %d values, the limit of one table", d.maxItems)
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		t.RawSetInt(n, v)
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != ',' && d.text[d.at] != ']' {
			return nil, d.fail("got %s in a list, want , or ]", d.found())
		}
		d.at++
		if d.text[d.at-1] == ']' {
			return t, nil
		}
	}
}

func (d *decoder) object() (lua.LValue, error) {
	t := d.table(0, 0)
	d.at++
	d.space()
	if d.at < len(d.text) && d.text[d.at] == '}' {
		d.at++
		return t, nil
	}
	for n := 1; ; n++ {
		if n > d.maxItems {
			return nil, d.fail("got an object of more than %d names, the limit of one table", d.maxItems)
		}
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.fail("got %s, want a name in double quotes", d.found())
		}
		start := d.at
		name, err := d.str()
		if err != nil {
			return nil, err
		}
		if t.RawGetString(name) != lua.LNil {
			d.at = start
			return nil, d.fail("got the name %q twice", name)
		}
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != ':' {
			return nil, d.fail("got %s after a name, want :", d.found())
		}
		d.at++
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		t.RawSetString(name, v)
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != ',' && d.text[d.at] != '}' {
			return nil, d.fail("got %s in an object, want , or }", d.found())
		}
		d.at++
		if d.text[d.at-1] == '}' {
			return t, nil
		}
	}
}

func (d *decoder) digits() bool {
	start := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at > start
}

func (d *decoder) number() (lua.LValue, error) {
	start := d.at
	if d.text[d.at] == '-' {
		d.at++
	}
	first := d.at
	if !d.digits() {
		return nil, d.fail("got %s in a number, want a digit", d.found())
	}
	if d.text[first] == '0' && d.at > first+1 {
		d.at = first
		return nil, d.fail("got a number that starts with 0, want none")
	}
	whole := true
	if d.at < len(d.text) && d.text[d.at] == '.' {
		whole = false
		d.at++
		if !d.digits() {
			return nil, d.fail("got %s in a number, want a digit", d.found())
		}
	}
	if d.at < len(d.text) && (d.text[d.at] == 'e' || d.text[d.at] == 'E') {
		whole = false
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		if !d.digits() {
			return nil, d.fail("got %s in a number, want a digit", d.found())
		}
	}
	text := d.text[start:d.at]
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d.at = start
		return nil, d.fail("got %s, which no number holds", clip(text))
	}
	if whole && math.Abs(f) >= 1<<53 && strconv.FormatFloat(f, 'f', 0, 64) != text {
		// A seed or an id would silently become another.
		d.at = start
		return nil, d.fail("got %s, which a number cannot hold exactly, want at most 2^53 or a string", clip(text))
	}
	return lua.LNumber(f), nil
}

// clip shortens a text for a message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func (d *decoder) str() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.text) { // most strings are plain: no copy
		switch c := d.text[d.at]; {
		case c == '"':
			s := d.text[start:d.at]
			d.at++
			return s, nil
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return d.escaped(start)
		}
		d.at++
	}
	return "", d.fail("got the end in a string, want \"")
}

// escaped reads on from a string's first byte that is not plain.
func (d *decoder) escaped(start int) (string, error) {
	out := []byte(d.text[start:d.at])
	for look := d.at + pollBytes; d.at < len(d.text); {
		if d.at >= look {
			look += pollBytes
			if err := context.Cause(d.ctx); err != nil {
				return "", err
			}
		}
		c := d.text[d.at]
		switch {
		case c == '"':
			d.at++
			return string(out), nil
		case c < ' ':
			return "", d.fail("got the control character %s in a string, want it escaped", d.found())
		case c == '\\':
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < utf8.RuneSelf:
			out = append(out, c)
			d.at++
		default:
			r, size := utf8.DecodeRuneInString(d.text[d.at:])
			if r == utf8.RuneError && size == 1 {
				return "", d.fail("got a byte that is not UTF-8 in a string")
			}
			out = append(out, d.text[d.at:d.at+size]...)
			d.at += size
		}
	}
	return "", d.fail("got the end in a string, want \"")
}

func (d *decoder) escape() (rune, error) {
	if d.at+1 >= len(d.text) {
		d.at++
		return 0, d.fail("got the end in a string, want an escape")
	}
	c := d.text[d.at+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		d.at += 2
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, d.fail("got the escape %q, want one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u", d.text[d.at:d.at+2])
	}
	r, ok := d.hex(d.at + 2)
	if !ok {
		return 0, d.fail("got a \\u without four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		d.at += 6
		return r, nil
	}
	if strings.HasPrefix(d.text[d.at+6:], `\u`) {
		if low, ok := d.hex(d.at + 8); ok {
			if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
				d.at += 12
				return full, nil
			}
		}
	}
	return 0, d.fail("got half of a surrogate pair")
}

func (d *decoder) hex(at int) (rune, bool) {
	if at+4 > len(d.text) {
		return 0, false
	}
	for i := range 4 {
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(d.text[at+i])) {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(d.text[at:at+4], 16, 32)
	return rune(v), err == nil
}
