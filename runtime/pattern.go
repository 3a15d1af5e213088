package runtime

import (
	"errors"
	"fmt"
	"strings"
)

// Lua 5.1's patterns, matched by backtracking as in the reference manual §5.4.1
// with a counter: a hostile pattern takes exponentially many steps, and each of
// them must be stoppable.

const (
	maxCaptures     = 32
	maxPatternDepth = 200 // nested items; each takes a stretch of the Go stack
	pollSteps       = 1 << 10
)

const (
	capUnfinished = -1
	capPosition   = -2
)

// matcher matches one pattern against one subject. Positions count from 0.
type matcher struct {
	src, pat string
	level    int // captures in use
	capture  [maxCaptures]struct{ start, len int }
	depth    int
	steps    int
	poll     func() error // called every pollSteps; its error ends the match
}

// patternError is what is wrong with a pattern, or the error of poll.
type patternError struct{ err error }

func (m *matcher) fail(format string, args ...any) {
	panic(patternError{fmt.Errorf(format, args...)})
}

// run calls f and returns what it fails with.
func (m *matcher) run(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			pe, ok := r.(patternError)
			if !ok {
				panic(r)
			}
			err = pe.err
		}
	}()
	f()
	return nil
}

// at tries a match at exactly position s and returns its end, or -1.
func (m *matcher) at(s, p int) (end int, err error) {
	m.level, m.depth = 0, 0
	err = m.run(func() { end = m.match(s, p) })
	return end, err
}

// find searches from position s on and returns the bounds of the match, or -1.
func (m *matcher) find(s int) (start, end int, err error) {
	p := 0
	anchored := strings.HasPrefix(m.pat, "^")
	if anchored {
		p = 1
	}
	for ; s <= len(m.src); s++ {
		e, err := m.at(s, p)
		if err != nil {
			return -1, -1, err
		}
		if e >= 0 {
			return s, e, nil
		}
		if anchored {
			break
		}
	}
	return -1, -1, nil
}

func (m *matcher) tick() { m.spend(1) }

// spend counts n steps at once: a long set, or a long text compared, must be as
// stoppable as many short ones.
func (m *matcher) spend(n int) {
	m.steps += n
	for ; m.steps >= pollSteps; m.steps -= pollSteps {
		if err := m.poll(); err != nil {
			panic(patternError{err})
		}
	}
}

// match matches pattern from p on at s and returns the end of the match, or -1.
func (m *matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxPatternDepth {
		m.fail("pattern is too complex: more than %d nested items", maxPatternDepth)
	}
	defer func() { m.depth-- }()
	for {
		m.tick()
		if p == len(m.pat) {
			return s
		}
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.startCapture(s, p+2, capPosition)
			}
			return m.startCapture(s, p+1, capUnfinished)
		case ')':
			return m.endCapture(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(m.pat) {
				switch c := m.pat[p+1]; {
				case c == 'b':
					if s = m.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p >= len(m.pat) || m.pat[p] != '[' {
						m.fail("pattern is malformed: missing [ after %%f")
					}
					end := m.classEnd(p)
					var before, here byte
					if s > 0 {
						before = m.src[s-1]
					}
					if s < len(m.src) {
						here = m.src[s]
					}
					if m.inSet(before, p, end-1) || !m.inSet(here, p, end-1) {
						return -1
					}
					p = end
					continue
				case c >= '0' && c <= '9':
					if s = m.backReference(s, c); s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		end := m.classEnd(p)
		var suffix byte
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		switch suffix {
		case '?':
			if s < len(m.src) && m.single(s, p, end) {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.maxExpand(s, p, end)
		case '+':
			if s < len(m.src) && m.single(s, p, end) {
				return m.maxExpand(s+1, p, end)
			}
			return -1
		case '-':
			return m.minExpand(s, p, end)
		default:
			if s >= len(m.src) || !m.single(s, p, end) {
				return -1
			}
			s++
			p = end
		}
	}
}

func (m *matcher) maxExpand(s, p, end int) int {
	i := 0
	for s+i < len(m.src) && m.single(s+i, p, end) {
		m.tick()
		i++
	}
	for ; i >= 0; i-- {
		m.tick()
		if r := m.match(s+i, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) minExpand(s, p, end int) int {
	for {
		m.tick()
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if s >= len(m.src) || !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) startCapture(s, p, kind int) int {
	if m.level >= maxCaptures {
		m.fail("pattern has more than %d captures", maxCaptures)
	}
	m.capture[m.level].start = s
	m.capture[m.level].len = kind
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) endCapture(s, p int) int {
	l := m.level - 1
	for ; l >= 0; l-- {
		if m.capture[l].len == capUnfinished {
			break
		}
	}
	if l < 0 {
		m.fail("pattern is malformed: a ) without its (")
	}
	m.capture[l].len = s - m.capture[l].start
	r := m.match(s, p)
	if r < 0 {
		m.capture[l].len = capUnfinished
	}
	return r
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.fail("pattern is malformed: missing arguments to %%b")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	open, shut, depth := m.pat[p], m.pat[p+1], 1
	for i := s + 1; i < len(m.src); i++ {
		m.tick()
		switch m.src[i] {
		case shut:
			depth--
			if depth == 0 {
				return i + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

func (m *matcher) backReference(s int, c byte) int {
	l := int(c) - '1'
	if l < 0 || l >= m.level || m.capture[l].len == capUnfinished {
		m.fail("pattern refers to capture %%%c, which does not exist", c)
	}
	if m.capture[l].len == capPosition {
		m.fail("pattern refers to capture %%%c, which is a position", c)
	}
	text := m.src[m.capture[l].start : m.capture[l].start+m.capture[l].len]
	m.spend(len(text) / 16) // compared many bytes at a time
	if strings.HasPrefix(m.src[s:], text) {
		return s + len(text)
	}
	return -1
}

// classEnd is the position after the single-character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p == len(m.pat) {
			m.fail("pattern is malformed: it ends with %%")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		from := p
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail("pattern is malformed: missing ]")
			}
			c := m.pat[p]
			p++
			if c == '%' {
				p++
			}
		}
		m.spend((p - from) / 8)
		return p + 1
	}
	return p
}

func (m *matcher) single(s, p, end int) bool {
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// inSet matches c against the set from [ at p to ] at last.
func (m *matcher) inSet(c byte, p, last int) bool {
	m.spend((last - p) / 8)
	found := true
	p++
	if m.pat[p] == '^' {
		found = false
		p++
	}
	for ; p < last; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return found
			}
		case p+2 < last && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return found
			}
			p += 2
		case m.pat[p] == c:
			return found
		}
	}
	return !found
}

func inClass(c, class byte) bool {
	var in bool
	switch class | 0x20 {
	case 'a':
		in = c|0x20 >= 'a' && c|0x20 <= 'z'
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = c >= '0' && c <= '9'
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !inClass(c, 'w')
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
	case 'x':
		in = c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !in
	}
	return in
}

// captured is capture i of the match src[s:e]: text, or a position from 1.
// Without captures, capture 0 is the whole match.
func (m *matcher) captured(i, s, e int) (text string, position int, err error) {
	if i >= m.level {
		if i == 0 {
			return m.src[s:e], 0, nil
		}
		return "", 0, fmt.Errorf("capture %%%d does not exist", i+1)
	}
	switch c := m.capture[i]; c.len {
	case capUnfinished:
		return "", 0, errors.New("pattern is malformed: a ( without its )")
	case capPosition:
		return "", c.start + 1, nil
	default:
		return m.src[c.start : c.start+c.len], 0, nil
	}
}
