package json

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// maxDepth bounds nesting, in both directions. A table that contains itself
// runs into it.
const maxDepth = 200

// pollEvery is how many values pass between looks at the context: well under
// 10 ms of work.
const pollEvery = 4096

// pollBytes is the same for the bytes of one string.
const pollBytes = 1 << 18

// An encoder writes one value. Its errors name the place: value.rewards[3].
type encoder struct {
	ctx    context.Context
	out    []byte
	max    int    // bytes
	indent string // "" for one line
	array  *lua.LTable
	null   *lua.LUserData
	path   []string
	seen   int
}

func (e *encoder) fail(format string, args ...any) error {
	where := "value"
	for _, p := range e.path {
		where += p
	}
	return fmt.Errorf("encode: %s: %s", where, fmt.Sprintf(format, args...))
}

func (e *encoder) value(v lua.LValue) error {
	if e.seen++; e.seen%pollEvery == 0 {
		if err := context.Cause(e.ctx); err != nil {
			return err
		}
	}
	switch v := v.(type) {
	case *lua.LNilType:
		e.out = append(e.out, "null"...)
	case lua.LBool:
		e.out = strconv.AppendBool(e.out, bool(v))
	case lua.LNumber:
		return e.number(float64(v))
	case lua.LString:
		return e.str(string(v))
	case *lua.LTable:
		return e.table(v)
	case *lua.LUserData:
		if v == e.null {
			e.out = append(e.out, "null"...)
			return nil
		}
		return e.fail("got %s, want nil, a boolean, a number, a string or a table", runtime.TypeName(v))
	default:
		return e.fail("got %s, want nil, a boolean, a number, a string or a table", runtime.TypeName(v))
	}
	return e.checkSize()
}

func (e *encoder) checkSize() error {
	if len(e.out) > e.max {
		return errTooLong
	}
	return nil
}

func (e *encoder) number(f float64) error {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return e.fail("got %s, want a finite number", strconv.FormatFloat(f, 'g', -1, 64))
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		if f == 0 && math.Signbit(f) {
			e.out = append(e.out, "-0"...)
			break
		}
		e.out = strconv.AppendInt(e.out, int64(f), 10)
	default:
		// The fewest digits that read back as the same number.
		e.out = strconv.AppendFloat(e.out, f, 'g', -1, 64)
	}
	return e.checkSize()
}

const hexDigits = "0123456789abcdef"

func (e *encoder) str(s string) error {
	if len(e.out)+len(s) > e.max {
		return errTooLong
	}
	e.out = append(e.out, '"')
	for i, look := 0, pollBytes; i < len(s); {
		if i >= look { // not only at the end: an escape takes six bytes
			look += pollBytes
			if err := context.Cause(e.ctx); err != nil {
				return err
			}
			if err := e.checkSize(); err != nil {
				return err
			}
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				return e.fail("got a string whose byte %d is not UTF-8, want text", i+1)
			}
			e.out = append(e.out, s[i:i+size]...)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			e.out = append(e.out, '\\', c)
		case c == '\n':
			e.out = append(e.out, `\n`...)
		case c == '\t':
			e.out = append(e.out, `\t`...)
		case c == '\r':
			e.out = append(e.out, `\r`...)
		case c < ' ':
			e.out = append(e.out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			e.out = append(e.out, c)
		}
		i++
	}
	e.out = append(e.out, '"')
	return e.checkSize()
}

func (e *encoder) table(t *lua.LTable) error {
	if len(e.path) >= maxDepth {
		return fmt.Errorf("encode: value: nested deeper than %d tables (does it contain itself?)", maxDepth)
	}
	n := t.Len()
	marked := t.Metatable == e.array
	key, _ := t.Next(lua.LNil)
	if n == 0 && !marked || !marked && key.Type() != lua.LTNumber {
		return e.object(t, n)
	}
	if n > 0 || marked {
		return e.list(t, n)
	}
	return e.object(t, n)
}

func (e *encoder) list(t *lua.LTable, n int) error {
	// Every key must be a position from 1 to n.
	count := 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		number, ok := k.(lua.LNumber)
		if !ok {
			return e.fail("got a table with the positions 1 to %d and the key %s, want one or the other", n, keyText(k))
		}
		if f := float64(number); f < 1 || f > float64(n) || f != math.Trunc(f) {
			return e.fail("got a list with a gap before position %v, want none (null holds a place)", f)
		}
		count++
	}
	if count != n {
		return e.fail("got a list with %d of %d positions filled, want all (null holds a place)", count, n)
	}
	e.out = append(e.out, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			e.out = append(e.out, ',')
		}
		e.path = append(e.path, "["+strconv.Itoa(i)+"]")
		e.newline(len(e.path))
		if err := e.value(t.RawGetInt(i)); err != nil {
			return err
		}
		e.path = e.path[:len(e.path)-1]
	}
	if n > 0 {
		e.newline(len(e.path))
	}
	e.out = append(e.out, ']')
	return e.checkSize()
}

func (e *encoder) object(t *lua.LTable, n int) error {
	e.out = append(e.out, '{')
	first := true
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			if n > 0 {
				return e.fail("got a table with the positions 1 to %d and names, want one or the other", n)
			}
			return e.fail("got the key %s, want a string, or positions from 1", keyText(k))
		}
		if !first {
			e.out = append(e.out, ',')
		}
		first = false
		e.path = append(e.path, "."+string(name))
		e.newline(len(e.path))
		if err := e.str(string(name)); err != nil {
			return err
		}
		e.out = append(e.out, ':')
		if e.indent != "" {
			e.out = append(e.out, ' ')
		}
		if err := e.value(v); err != nil {
			return err
		}
		e.path = e.path[:len(e.path)-1]
	}
	if !first {
		e.newline(len(e.path))
	}
	e.out = append(e.out, '}')
	return e.checkSize()
}

func (e *encoder) newline(depth int) {
	if e.indent == "" {
		return
	}
	e.out = append(e.out, '\n')
	for range depth {
		e.out = append(e.out, e.indent...)
	}
}

func keyText(k lua.LValue) string {
	if s, ok := k.(lua.LString); ok {
		return strconv.Quote(string(s))
	}
	if n, ok := k.(lua.LNumber); ok {
		return strconv.FormatFloat(float64(n), 'g', -1, 64)
	}
	return "of type " + runtime.TypeName(k)
}
