package runtime_test

import (
	"fmt"
	"slices"
	"strings"
)

// A refPattern is Lua's patterns once more, from the reference manual §5.4.1
// and written for nothing but being plain: the pattern is taken apart first,
// sets are tables of 256 answers, and captures are copied at every step.
type refPattern struct {
	items    []refItem
	anchored bool // a ^ at the front, where it counts
	steps    int
}

type refItem struct {
	kind  byte // 's'ingle, '(' , ')', '@' position, 'b'alance, 'f'rontier, '1' back reference, '$'
	set   [256]bool
	quant byte // of a single: 0 or one of ?*+-
	a, b  byte
}

// refCapture is a capture; its end is refOpen until its ) was met, refPosition
// when it is a ().
type refCapture struct{ start, end int }

const (
	refOpen     = -1
	refPosition = -2
)

// refError is what makes Lua raise an error, and refSteps the end of patience.
type (
	refError string
	refSteps struct{}
)

var refClasses = func() map[byte][256]bool {
	classes := map[byte][256]bool{}
	lower, upper, digits := "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	control := "\x7f"
	for c := byte(0); c < 32; c++ {
		control += string([]byte{c})
	}
	for letter, text := range map[byte]string{
		'a': lower + upper, 'c': control, 'd': digits, 'l': lower, 'u': upper, 'w': lower + upper + digits,
		'p': "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 's': " \t\n\v\f\r", 'x': digits + "abcdefABCDEF", 'z': "\x00",
	} {
		var in, out [256]bool
		for c := range 256 {
			in[c] = strings.IndexByte(text, byte(c)) >= 0
			out[c] = !in[c]
		}
		classes[letter], classes[letter-'a'+'A'] = in, out
	}
	return classes
}()

// refEscape is the set of %c.
func refEscape(c byte) (set [256]bool) {
	if class, ok := refClasses[c]; ok {
		return class
	}
	set[c] = true
	return set
}

// refParse takes a pattern apart; anchors says whether a ^ at its front is one.
func refParse(p string, anchors bool) (r *refPattern, err error) {
	r = &refPattern{}
	if anchors && strings.HasPrefix(p, "^") {
		r.anchored, p = true, p[1:]
	}
	for p != "" {
		var it refItem
		switch {
		case strings.HasPrefix(p, "()"):
			it.kind, p = '@', p[2:]
		case p[0] == '(' || p[0] == ')':
			it.kind, p = p[0], p[1:]
		case p == "$":
			it.kind, p = '$', ""
		case strings.HasPrefix(p, "%b"):
			if len(p) < 4 {
				return nil, fmt.Errorf("%%b lacks its two characters")
			}
			it.kind, it.a, it.b, p = 'b', p[2], p[3], p[4:]
		case strings.HasPrefix(p, "%f"):
			if !strings.HasPrefix(p[2:], "[") {
				return nil, fmt.Errorf("%%f lacks its set")
			}
			it.kind = 'f'
			if it.set, p, err = refSet(p[2:]); err != nil {
				return nil, err
			}
		case p[0] == '%' && len(p) > 1 && p[1] >= '0' && p[1] <= '9':
			it.kind, it.a, p = '1', p[1], p[2:]
		default:
			it.kind = 's'
			switch {
			case p[0] == '.':
				for c := range it.set {
					it.set[c] = true
				}
				p = p[1:]
			case p[0] == '[':
				if it.set, p, err = refSet(p); err != nil {
					return nil, err
				}
			case p == "%":
				return nil, fmt.Errorf("it ends with %%")
			case p[0] == '%':
				it.set, p = refEscape(p[1]), p[2:]
			default:
				it.set[p[0]], p = true, p[1:]
			}
			if p != "" && strings.IndexByte("?*+-", p[0]) >= 0 {
				it.quant, p = p[0], p[1:]
			}
		}
		r.items = append(r.items, it)
	}
	return r, nil
}

// refSet reads the set at the front of p.
func refSet(p string) (set [256]bool, rest string, err error) {
	body := p[1:]
	complement := strings.HasPrefix(body, "^")
	if complement {
		body = body[1:]
	}
	// Where it ends: a ] in the first place is an ordinary character.
	end := 0
	for first := true; first || end >= len(body) || body[end] != ']'; first = false {
		if end >= len(body) {
			return set, "", fmt.Errorf("a set lacks its ]")
		}
		if body[end] == '%' {
			end++
		}
		end++
	}
	rest, body = body[end+1:], body[:end]
	for body != "" {
		switch {
		case body[0] == '%':
			for c, in := range refEscape(body[1]) {
				set[c] = set[c] || in
			}
			body = body[2:]
		case len(body) > 2 && body[1] == '-':
			for c := int(body[0]); c <= int(body[2]); c++ {
				set[c] = true
			}
			body = body[3:]
		default:
			set[body[0]] = true
			body = body[1:]
		}
	}
	if complement {
		for c := range set {
			set[c] = !set[c]
		}
	}
	return set, rest, nil
}

// match tries the items from i on at s.
func (r *refPattern) match(src string, i, s int, caps []refCapture) (end int, out []refCapture, ok bool) {
	if r.steps--; r.steps < 0 {
		panic(refSteps{})
	}
	if i == len(r.items) {
		return s, caps, true
	}
	it := r.items[i]
	next := func(s int, caps []refCapture) (int, []refCapture, bool) { return r.match(src, i+1, s, caps) }
	fits := func(s int) bool { return s < len(src) && it.set[src[s]] }
	switch it.kind {
	case '(', '@':
		if len(caps) == 32 {
			panic(refError("too many captures"))
		}
		c := refCapture{s, refOpen}
		if it.kind == '@' {
			c.end = refPosition
		}
		return next(s, append(slices.Clone(caps), c))
	case ')':
		caps = slices.Clone(caps)
		for l := len(caps) - 1; l >= 0; l-- {
			if caps[l].end == refOpen {
				caps[l].end = s
				return next(s, caps)
			}
		}
		panic(refError("a ) without its ("))
	case '$':
		return s, caps, s == len(src)
	case 'b':
		if s >= len(src) || src[s] != it.a {
			return 0, nil, false
		}
		open := 1
		for at := s + 1; at < len(src); at++ {
			if src[at] == it.b {
				if open--; open == 0 {
					return next(at+1, caps)
				}
			} else if src[at] == it.a {
				open++
			}
		}
		return 0, nil, false
	case 'f':
		var before, here byte
		if s > 0 {
			before = src[s-1]
		}
		if s < len(src) {
			here = src[s]
		}
		if it.set[before] || !it.set[here] {
			return 0, nil, false
		}
		return next(s, caps)
	case '1':
		l := int(it.a) - '1'
		if l < 0 || l >= len(caps) || caps[l].end < 0 {
			panic(refError("no such capture"))
		}
		text := src[caps[l].start:caps[l].end]
		if !strings.HasPrefix(src[s:], text) {
			return 0, nil, false
		}
		return next(s+len(text), caps)
	}
	least, most := 1, 1
	switch it.quant {
	case '?':
		least = 0
	case '*', '-':
		least, most = 0, len(src)
	case '+':
		most = len(src)
	}
	n := 0
	for n < most && fits(s+n) {
		n++
	}
	if it.quant == '-' {
		for k := least; k <= n; k++ {
			if end, out, ok := next(s+k, caps); ok {
				return end, out, true
			}
		}
		return 0, nil, false
	}
	for k := n; k >= least; k-- {
		if end, out, ok := next(s+k, caps); ok {
			return end, out, true
		}
	}
	return 0, nil, false
}

// refShow is what the fuzz target's script makes of the values it gets.
func (r *refPattern) show(src string, s, e int, caps []refCapture, whole bool) []string {
	var out []string
	for _, c := range caps {
		switch c.end {
		case refOpen:
			panic(refError("a ( without its )"))
		case refPosition:
			out = append(out, fmt.Sprintf("number:%d", c.start+1))
		default:
			out = append(out, "string:"+src[c.start:c.end])
		}
	}
	if len(caps) == 0 && whole {
		out = append(out, "string:"+src[s:e])
	}
	return out
}

// find is the first match from position s on.
func (r *refPattern) find(src string, s int) (start, end int, caps []refCapture, ok bool) {
	for ; s <= len(src); s++ {
		if end, caps, ok := r.match(src, 0, s, nil); ok {
			return s, end, caps, true
		}
		if r.anchored {
			break
		}
	}
	return 0, 0, nil, false
}

// gmatch are the captures of all matches, most at most.
func (r *refPattern) gmatch(src string, most int) (all [][]string) {
	for s := 0; s <= len(src) && len(all) < most; {
		end, caps, ok := r.match(src, 0, s, nil)
		if ok {
			all = append(all, r.show(src, s, end, caps, true))
		}
		if ok && end > s {
			s = end
		} else {
			s++
		}
	}
	return all
}

// gsub replaces every match by its text in <>.
func (r *refPattern) gsub(src string) (text string, n int) {
	var b strings.Builder
	s := 0
	for {
		end, _, ok := r.match(src, 0, s, nil)
		if ok {
			n++
			b.WriteString("<" + src[s:end] + ">")
		}
		switch {
		case ok && end > s:
			s = end
		case s < len(src):
			b.WriteByte(src[s])
			s++
		default:
			return b.String(), n
		}
		if r.anchored {
			return b.String() + src[s:], n
		}
	}
}
