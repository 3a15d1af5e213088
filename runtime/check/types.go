package check

import (
	"slices"
	"strings"

	"github.com/hudrl/hudrl/stdlib"
)

// A kind says which fields of a typ mean something.
type kind int

const (
	unknown  kind = iota // alts, where one of them
	basic                // name: number, string, boolean, table, nil; enum, whole
	space                // name: a module, or a table of functions in one
	class                // name
	list                 // elem
	record               // fields, in order
	function             // params, returns
)

// A typ is what is known of a value.
type typ struct {
	kind    kind
	name    string
	maybe   bool // may be nil as well
	elem    *typ
	fields  []field
	params  []param
	returns []*typ
	alts    []*typ
	enum    []string // the strings it may be, nil for any
	whole   bool     // a whole number
	greedy  bool     // an agent at temperature 0
	leaf    bool     // a tensor that the gradient is of
}

type field struct {
	name string
	typ  *typ
}

type param struct {
	name     string
	optional bool
	typ      *typ
}

var (
	anything  = &typ{}
	aNumber   = &typ{kind: basic, name: "number"}
	aString   = &typ{kind: basic, name: "string"}
	aBoolean  = &typ{kind: basic, name: "boolean"}
	aTable    = &typ{kind: basic, name: "table"}
	aNil      = &typ{kind: basic, name: "nil"}
	anInteger = &typ{kind: basic, name: "number", whole: true}
	aTensor   = &typ{kind: class, name: "tensor"}
	theTensor = &typ{kind: space, name: "hud.tensor"}
)

func (t *typ) is(name string) bool { return t.kind == class && t.name == name }

// library answers questions about the names of hud, from the stubs.
type library struct {
	entries map[string]stdlib.Entry // by name, a colon as a dot
	aliases map[string]string
	classes map[string]bool
	parsed  map[string]*typ // of one script
}

// forScript is the library for one script: what it parses is its own.
func (l *library) forScript() *library {
	own := *l
	own.parsed = map[string]*typ{}
	return &own
}

func newLibrary() *library {
	l := &library{entries: map[string]stdlib.Entry{}, aliases: map[string]string{}, classes: map[string]bool{}}
	for _, e := range stdlib.Entries() {
		name := strings.ReplaceAll(e.Name, ":", ".")
		if old, ok := l.entries[name]; ok && (old.Function || !e.Function) && old.Parent == "" {
			continue // a field of the same name as a function
		}
		l.entries[name] = e
		switch {
		case e.Function || e.Value:
		case e.Type != "" && !strings.HasPrefix(e.Text, "  "):
			l.aliases[e.Name] = e.Type
		case e.Type == "":
			l.classes[e.Name] = true
		}
	}
	return l
}

// losses are the names that loss.as_custom may take: those of functions of
// hud.loss.
func (l *library) losses() []string {
	var names []string
	for name, e := range l.entries {
		if rest, ok := strings.CutPrefix(name, "hud.loss."); ok && e.Function && !strings.Contains(rest, ".") {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// module is the table that require gives, or nil.
func (l *library) module(name string) *typ {
	if name == "hud" || strings.HasPrefix(name, "hud.") && len(stdlib.Members(name)) > 0 {
		return &typ{kind: space, name: name}
	}
	return nil
}

// modules are the names that require knows.
func (l *library) modules() []string {
	names := []string{"hud"}
	for _, m := range stdlib.Members("hud") {
		if len(stdlib.Members("hud."+m)) > 0 {
			names = append(names, "hud."+m)
		}
	}
	return names
}

// member is what t.name is; ok is false where t has no such name.
func (l *library) member(t *typ, name string) (m *typ, ok bool) {
	switch t.kind {
	case space:
		full := t.name + "." + name
		if e, ok := l.entries[full]; ok && e.Function {
			return l.signature(e), true
		} else if ok && e.Value && e.Type != "" {
			return l.parse(e.Type), true
		}
		if len(stdlib.Members(full)) > 0 {
			return &typ{kind: space, name: full}, true
		}
		_, ok := l.entries[full]
		return anything, ok
	case class:
		for name, c := name, t.name; c != ""; c = l.entries[c].Parent {
			if e, ok := l.entries[c+"."+name]; ok {
				if e.Function {
					return l.signature(e), true
				}
				return l.parse(e.Type), true
			}
		}
		return anything, !l.classes[t.name]
	case record:
		for _, f := range t.fields {
			if f.name == name {
				return f.typ, true
			}
		}
		return anything, false
	}
	return anything, true
}

// members are the names that t has.
func (l *library) members(t *typ) []string {
	var names []string
	switch t.kind {
	case space:
		return stdlib.Members(t.name)
	case record:
		for _, f := range t.fields {
			names = append(names, f.name)
		}
	case class:
		for c := t.name; c != ""; c = l.entries[c].Parent {
			for name := range l.entries {
				if rest, ok := strings.CutPrefix(name, c+"."); ok && !strings.Contains(rest, ".") {
					names = append(names, rest)
				}
			}
		}
	}
	return names
}

// options are the fields that a table given for t may have, nil where any may
// stand.
func (l *library) options(t *typ) []field {
	switch t.kind {
	case record:
		return t.fields
	case class:
		var all []field
		for c := t.name; c != ""; c = l.entries[c].Parent {
			for _, e := range stdlib.Entries() {
				if rest, ok := strings.CutPrefix(e.Name, c+"."); ok && !e.Function && e.Type != "" && !strings.Contains(rest, ".") {
					all = append(all, field{rest, l.parse(e.Type)})
				}
			}
		}
		return all
	}
	return nil
}

// signature is a function of the stubs as a type.
func (l *library) signature(e stdlib.Entry) *typ {
	t := &typ{kind: function, name: e.Name}
	for _, p := range e.Params {
		in := l.parse(p.Type)
		t.params = append(t.params, param{p.Name, p.Optional || in.maybe || in.kind == unknown && strings.HasPrefix(p.Type, "any"), in})
	}
	for _, r := range e.Returns {
		for more := true; more; {
			p := &parser{l: l, text: r}
			t.returns = append(t.returns, p.union())
			p.name() // of the result
			if more = p.take(","); more {
				r = p.text
			}
		}
	}
	return t
}

// parse reads a type; what follows it is prose.
func (l *library) parse(text string) *typ {
	if t, ok := l.parsed[text]; ok {
		return t
	}
	l.parsed[text] = anything // where an alias speaks of itself
	t := (&parser{l: l, text: text}).union()
	l.parsed[text] = t
	return t
}

// A parser reads LuaCATS types. What it does not know is any value.
type parser struct {
	l    *library
	text string
}

func (p *parser) space() { p.text = strings.TrimLeft(p.text, " ") }

func (p *parser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *parser) name() string {
	p.space()
	n := 0
	for n < len(p.text) && (p.text[n] == '.' || p.text[n] == '_' || p.text[n] >= '0' && p.text[n] <= '9' || p.text[n]|0x20 >= 'a' && p.text[n]|0x20 <= 'z') {
		n++
	}
	name := p.text[:n]
	p.text = p.text[n:]
	return name
}

// union reads types between bars.
func (p *parser) union() *typ {
	var all []*typ
	maybe := false
	for more := true; more; {
		t := p.suffixed()
		maybe = maybe || t.maybe
		switch {
		case t.is1("nil"):
			maybe = true
		case t.kind == unknown && t.alts != nil:
			for _, a := range t.alts {
				all = alternative(all, a)
			}
		default:
			all = alternative(all, t)
		}
		rest, bar := strings.CutPrefix(p.text, "|") // prose may follow a blank
		p.text, more = rest, bar
	}
	var out *typ
	switch {
	case len(all) == 0:
		return aNil
	case len(all) == 1:
		out = all[0]
	case slices.ContainsFunc(all, func(t *typ) bool { return t.kind == unknown }):
		out = anything
	default:
		out = &typ{alts: all}
	}
	if maybe && !out.maybe {
		c := *out
		c.maybe = true
		out = &c
	}
	return out
}

// alternative adds a type to those of a union. Strings and numbers are one
// each.
func alternative(all []*typ, t *typ) []*typ {
	for i, other := range all {
		if other.kind != t.kind || other.name != t.name || t.kind != basic && t.kind != class {
			continue
		}
		both := *other
		both.whole = other.whole && t.whole
		both.elem = nil
		both.enum = nil
		if other.enum != nil && t.enum != nil {
			both.enum = append(slices.Clone(other.enum), t.enum...)
		}
		all[i] = &both
		return all
	}
	return append(all, t)
}

func (p *parser) suffixed() *typ {
	t := p.primary()
	for {
		switch {
		case strings.HasPrefix(p.text, "[]"):
			p.text = p.text[2:]
			t = &typ{kind: list, elem: t}
		case strings.HasPrefix(p.text, "?"):
			p.text = p.text[1:]
			c := *t
			c.maybe = true
			t = &c
		default:
			return t
		}
	}
}

func (p *parser) primary() *typ {
	switch {
	case p.take("("):
		t := p.union()
		p.take(")")
		return t
	case p.take("{"):
		t := &typ{kind: record}
		for !p.take("}") {
			name := p.name()
			maybe := p.take("?")
			if name == "" || !p.take(":") {
				return anything
			}
			f := p.union()
			if maybe && !f.maybe {
				c := *f
				c.maybe = true
				f = &c
			}
			t.fields = append(t.fields, field{name, f})
			p.take(",")
		}
		return t
	case p.take(`"`):
		value, rest, _ := strings.Cut(p.text, `"`)
		p.text = rest
		return &typ{kind: basic, name: "string", enum: []string{value}}
	}
	switch name := p.name(); name {
	case "fun":
		return p.function()
	case "table":
		if p.take("<") {
			p.union()
			p.take(",")
			values := p.union()
			p.take(">")
			return &typ{kind: basic, name: "table", elem: values}
		}
		return aTable
	case "function":
		return &typ{kind: function}
	case "number":
		return aNumber
	case "integer":
		return anInteger
	case "string":
		return aString
	case "boolean", "true", "false":
		return aBoolean
	case "nil":
		return aNil
	default:
		if alias, ok := p.l.aliases[name]; ok {
			return p.l.parse(alias)
		}
		if p.l.classes[name] {
			return &typ{kind: class, name: name}
		}
		return anything
	}
}

func (p *parser) function() *typ {
	t := &typ{kind: function}
	if !p.take("(") {
		return anything
	}
	for !p.take(")") {
		name := p.name()
		maybe := p.take("?")
		if name == "" {
			return anything
		}
		in := anything
		if p.take(":") {
			in = p.union()
		}
		t.params = append(t.params, param{name, maybe || in.maybe, in})
		p.take(",")
	}
	if p.take(":") {
		t.returns = append(t.returns, p.union())
		for p.take(",") {
			t.returns = append(t.returns, p.union())
		}
	}
	return t
}
