package runtime

import (
	"fmt"
	"strings"
)

// maxNesting of source text; brackets and blocks count together. gopher-lua's
// compiler recurses and would otherwise end the process.
const maxSourceNesting = 200

// maxUnary bounds runs such as "not not not" and "- - -", which nest without a
// bracket.
const maxUnary = 100

// checkSource scans src before it is parsed: its nesting, and the escapes of
// newer Luas that 5.1 reads as something else without a word.
func checkSource(name, src string) *Error {
	s := &prescan{name: name, src: src, line: 1}
	return s.run()
}

type prescan struct {
	name, src string
	pos, line int
	depth     int
	unary     int
	comma     bool // the last thing was a comma
}

func (s *prescan) run() *Error {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		comma := s.comma
		s.comma = false
		switch {
		case c == '\n':
			s.line++
			s.pos++
			s.comma = comma
		case c == ' ' || c == '\t' || c == '\r':
			s.pos++
			s.comma = comma
		case c == '-' && strings.HasPrefix(s.src[s.pos:], "--"):
			s.comment()
			s.comma = comma
		case c == ',':
			if comma { // gopher-lua's parser takes it as one
				return s.fail(`syntax error near ","`, "")
			}
			s.pos++
			s.unary = 0
			s.comma = true
		case c == '[' && s.longBracket(s.pos) >= 0:
			s.long(s.longBracket(s.pos))
			s.unary = 0
		case c == '"' || c == '\'':
			s.unary = 0
			if e := s.quoted(c); e != nil {
				return e
			}
		case isWordByte(c):
			if e := s.word(); e != nil {
				return e
			}
		default:
			if e := s.symbol(c); e != nil {
				return e
			}
		}
	}
	return nil
}

func (s *prescan) fail(message, hint string) *Error {
	return syntaxError(s.name, s.src, s.line, message, hint)
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// longBracket is the level of the long bracket that opens at i, or -1.
func (s *prescan) longBracket(i int) int {
	n := i + 1
	for n < len(s.src) && s.src[n] == '=' {
		n++
	}
	if n < len(s.src) && s.src[n] == '[' {
		return n - i - 1
	}
	return -1
}

// long skips a long string or comment whose bracket opens at s.pos.
func (s *prescan) long(level int) {
	end := "]" + strings.Repeat("=", level) + "]"
	i := strings.Index(s.src[s.pos:], end)
	stop := len(s.src)
	if i >= 0 {
		stop = s.pos + i + len(end)
	}
	s.line += strings.Count(s.src[s.pos:stop], "\n")
	s.pos = stop
}

func (s *prescan) comment() {
	s.pos += 2
	if s.pos < len(s.src) && s.src[s.pos] == '[' {
		if level := s.longBracket(s.pos); level >= 0 {
			s.long(level)
			return
		}
	}
	if i := strings.IndexByte(s.src[s.pos:], '\n'); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.src)
	}
}

func (s *prescan) quoted(quote byte) *Error {
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case quote:
			s.pos++
			return nil
		case '\n':
			return nil // the parser says that the string is unfinished
		case '\\':
			s.pos++
			if s.pos == len(s.src) {
				return nil
			}
			switch s.src[s.pos] {
			case 'x', 'u', 'z':
				return s.fail(fmt.Sprintf(`the escape \%c does not exist in Lua 5.1`, s.src[s.pos]),
					escapeHint(s.src[s.pos], s.src[s.pos+1:]))
			case '\n':
				s.line++
			}
		}
	}
	return nil
}

func (s *prescan) word() *Error {
	start := s.pos
	for s.pos < len(s.src) && isWordByte(s.src[s.pos]) {
		s.pos++
	}
	switch s.src[start:s.pos] {
	case "function", "do", "then", "repeat":
		s.unary = 0
		return s.open()
	case "end", "until", "elseif":
		s.unary = 0
		s.depth--
	case "not":
		return s.prefix()
	default:
		s.unary = 0
	}
	return nil
}

func (s *prescan) symbol(c byte) *Error {
	s.pos++
	switch c {
	case '(', '[', '{':
		s.unary = 0
		return s.open()
	case ')', ']', '}':
		s.depth--
		s.unary = 0
	case '-', '#':
		return s.prefix()
	default:
		s.unary = 0
	}
	return nil
}

func (s *prescan) open() *Error {
	s.depth++
	if s.depth > maxSourceNesting {
		return s.fail(fmt.Sprintf("the source nests deeper than %d", maxSourceNesting), "split it into functions, or keep data in JSON")
	}
	return nil
}

func (s *prescan) prefix() *Error {
	s.unary++
	if s.unary > maxUnary {
		return s.fail(fmt.Sprintf("more than %d unary operators in a row", maxUnary), "")
	}
	return nil
}
