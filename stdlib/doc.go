package stdlib

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// An Entry is what the stubs say about one Lua name.
type Entry struct {
	Name      string // "hud.plot.line", "tensor:exp", "hud.Checkpoint"
	Signature string // "hud.plot.line(series, options)"; the name where it is no function
	Text      string // prose, then parameters and results, one a line
	Function  bool
	Value     bool // a table or a constant of a module

	// As LuaCATS writes types; prose may follow them.
	Params  []Param  // of a function
	Returns []string // one a line of the stub
	Type    string   // of a field, a value or what an alias stands for
	Parent  string   // the class that a class extends
}

// A Param is a function's parameter; the last may be "...".
type Param struct {
	Name     string
	Optional bool
	Type     string
}

// String is the entry as a person reads it.
func (e Entry) String() string {
	if e.Text == "" {
		return e.Signature
	}
	return e.Signature + "\n" + e.Text
}

// Entries are all entries, file by file.
var Entries = sync.OnceValue(func() []Entry {
	files, err := fs.Glob(Types, "types/*.d.lua")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var all []Entry
	for _, name := range files {
		text, err := Types.ReadFile(name)
		if err != nil {
			panic(err) // an embedded file that Glob found
		}
		all = append(all, parse(string(text))...)
	}
	return all
})

// Lookup finds what is known about a name: as it is, or the end of a longer
// one ("plot.line" finds hud.plot.line). Dots and colons are the same.
func Lookup(name string) []Entry {
	wanted := strings.ReplaceAll(name, ":", ".")
	var exact, ends []Entry
	for _, e := range Entries() {
		switch known := strings.ReplaceAll(e.Name, ":", "."); {
		case known == wanted:
			exact = append(exact, e)
		case strings.HasSuffix(known, "."+wanted):
			ends = append(ends, e)
		}
	}
	// "tensor.grad" is a function of the module as well as a field of the class.
	found := exact
	for _, e := range ends {
		if len(exact) == 0 || e.Function && !slices.ContainsFunc(exact, func(x Entry) bool { return x.Function || x.Value }) {
			found = append(found, e)
		}
	}
	// Somebody who asks for "step" means the function, not a field.
	slices.SortStableFunc(found, func(x, y Entry) int { return rank(x) - rank(y) })
	return found
}

func rank(e Entry) int {
	if e.Function {
		return 0
	}
	return 1
}

// Members are the names that a module or a class has, as they are written
// behind it: functions, methods, and modules inside the module.
func Members(name string) []string {
	var names []string
	seen := map[string]bool{}
	for _, e := range Entries() {
		rest, ok := strings.CutPrefix(e.Name, name)
		if !ok || rest == "" || (rest[0] != '.' && rest[0] != ':') {
			continue
		}
		first, _, _ := strings.Cut(rest[1:], ".")
		if seen[first] || strings.Contains(first, ":") || !(e.Function || e.Value) {
			continue // methods and fields of a class inside are not the module's
		}
		seen[first] = true
		names = append(names, first)
	}
	return names
}

var (
	functionLine = regexp.MustCompile(`^function (\w+(?:\.\w+)*)([.:])(\w+)(\(.*?\)) end`)
	localLine    = regexp.MustCompile(`^local (\w+) = `)
	fieldLine    = regexp.MustCompile(`^(\w+)\.(\w+) = `)
	classTag     = regexp.MustCompile(`^@(class|alias) (\(partial\) )?([\w.]+)(?:: ([\w.]+))?\s*(.*)`)
	typeTag      = regexp.MustCompile(`^@type (.*)`)
	fieldTag     = regexp.MustCompile(`^@field (\w+)(\??)\s+(.*)`)
	paramTag     = regexp.MustCompile(`^@param (\S+)\s+(.*)`)
	returnTag    = regexp.MustCompile(`^@return (.*)`)
)

// parse reads one stub file. A local that follows a @class is that class under
// another name; a (partial) class goes on with one described elsewhere.
func parse(text string) []Entry {
	var entries []Entry
	var block []string
	classes := map[string]string{} // local name to class name
	name := func(local string) string {
		if class, ok := classes[local]; ok {
			return class
		}
		return local
	}
	for line := range strings.SplitSeq(text, "\n") {
		if comment, ok := strings.CutPrefix(line, "---"); ok {
			block = append(block, comment)
			continue
		}
		class, partial := "", false
		known := Entry{}
		for _, c := range block {
			if m := classTag.FindStringSubmatch(c); m != nil {
				class, partial = m[3], m[2] != ""
				known.Parent = m[4]
				if m[1] == "alias" {
					known.Type = m[5]
				}
			}
		}
		if class != "" {
			if !partial {
				known.Name, known.Signature, known.Text = class, class, prose(block)
				entries = append(entries, known)
			}
			for _, c := range block {
				if m := fieldTag.FindStringSubmatch(c); m != nil {
					entries = append(entries, Entry{Name: class + "." + m[1], Signature: class + "." + m[1], Text: "  " + m[3], Type: optional(m[3], m[2] != "")})
				}
			}
		}
		switch {
		case functionLine.MatchString(line):
			m := functionLine.FindStringSubmatch(line)
			full := name(m[1]) + m[2] + m[3]
			e := Entry{Name: full, Signature: full + m[4], Text: prose(block), Function: true}
			e.Params, e.Returns = signature(block)
			entries = append(entries, e)
		case localLine.MatchString(line):
			if class != "" {
				classes[localLine.FindStringSubmatch(line)[1]] = class
			}
		case strings.Contains(line, " = require "): // has a file of its own
		case fieldLine.MatchString(line) && class == "":
			m := fieldLine.FindStringSubmatch(line)
			full := name(m[1]) + "." + m[2]
			e := Entry{Name: full, Signature: full, Text: prose(block), Value: true}
			for _, c := range block {
				if m := typeTag.FindStringSubmatch(c); m != nil {
					e.Type = m[1]
				}
			}
			entries = append(entries, e)
		}
		block = nil
	}
	return entries
}

// signature is what the tags above a function say of it.
func signature(block []string) (params []Param, returns []string) {
	for _, c := range block {
		if m := paramTag.FindStringSubmatch(c); m != nil {
			name, maybe := strings.CutSuffix(m[1], "?")
			params = append(params, Param{Name: name, Optional: maybe, Type: m[2]})
		} else if m := returnTag.FindStringSubmatch(c); m != nil {
			returns = append(returns, m[1])
		}
	}
	return params, returns
}

// optional marks a type with the ? that stood behind its field's name.
func optional(text string, maybe bool) string {
	if maybe {
		return "nil|" + text
	}
	return text
}

// prose drops what is for editors only.
func prose(block []string) string {
	var lines []string
	for _, c := range block {
		switch {
		case paramTag.MatchString(c):
			m := paramTag.FindStringSubmatch(c)
			lines = append(lines, "  "+m[1]+": "+m[2])
		case returnTag.MatchString(c):
			lines = append(lines, "  returns "+returnTag.FindStringSubmatch(c)[1])
		case fieldTag.MatchString(c):
			m := fieldTag.FindStringSubmatch(c)
			lines = append(lines, "  ."+m[1]+": "+m[3])
		case strings.HasPrefix(c, "@"):
		default:
			lines = append(lines, c)
		}
	}
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = slices.Delete(lines, 0, 1)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n ")
}
