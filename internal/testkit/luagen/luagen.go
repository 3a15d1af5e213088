// Package luagen turns the bytes of a fuzz target into Lua programs: valid ones,
// that call library functions with odd values in odd places. Text that a fuzzer
// mutates letter by letter hardly ever compiles; every one of these does.
//
//	src := luagen.Program(testkit.NewBytes(data), luagen.Vocabulary{Functions: names})
package luagen

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hudrl/hudrl/internal/testkit"
)

// A Vocabulary is what programs speak of.
type Vocabulary struct {
	Prelude   string   // stands first; what it declares the rest may use
	Functions []string // expressions of functions, and what they take: "string.rep:sn", see typed
	Methods   []string // names of methods
	Objects   []string // expressions of values that have them
	Fields    []string // names of fields and options
}

// bounds of one program.
const (
	maxStatements = 60
	maxDepth      = 7
)

type generator struct {
	Vocabulary
	b          *testkit.Bytes
	out        strings.Builder
	statements int
	depth      int
	labels     int
	varargs    bool // whether "..." may be used
}

// Program makes a program. It has no endless end: where bytes run out, so does
// the program.
func Program(b *testkit.Bytes, v Vocabulary) string {
	g := &generator{Vocabulary: v, b: b, varargs: true}
	g.out.WriteString(v.Prelude)
	g.out.WriteString("local a, b, c, d, e, f = 1, \"x\", {1, 2, 3}, function(...) return ... end, nil, {}\n")
	g.block()
	return g.out.String()
}

func (g *generator) spent() bool {
	return g.statements >= maxStatements || g.depth >= maxDepth || g.b.Left() == 0
}

// block makes some statements, and perhaps a return at their end.
func (g *generator) block() {
	g.depth++
	defer func() { g.depth-- }()
	n := 1 + g.b.Choose(6)
	if g.depth == 1 {
		n = maxStatements
	}
	for ; n > 0 && !g.spent(); n-- {
		if g.depth == 1 && g.b.Choose(4) > 0 { // so that the next one runs, too
			g.out.WriteString(g.guarded(g.sub(g.statement)))
		} else {
			g.statement()
		}
	}
	if g.b.Choose(6) == 1 {
		g.out.WriteString("return " + g.exprs(3) + "\n")
	}
}

var names = []string{"a", "b", "c", "d", "e", "f"}

func (g *generator) name() string { return testkit.Pick(g.b, names) }

// sub is what f writes.
func (g *generator) sub(f func()) string {
	outside := g.out
	g.out = strings.Builder{}
	f()
	text := g.out.String()
	g.out = outside
	return text
}

// body is the text of a block.
func (g *generator) body() string {
	return g.sub(g.block)
}

// function is a function expression.
func (g *generator) function() string {
	outside := g.varargs
	g.varargs = g.b.Choose(2) == 0
	parameters := testkit.Pick(g.b, []string{"", "a", "a, b", "b, c, d"})
	if g.varargs {
		if parameters != "" {
			parameters += ", "
		}
		parameters += "..."
	}
	text := "function(" + parameters + ")\n" + g.body() + "end"
	g.varargs = outside
	return text
}

// guarded is a call of a function in which body may fail.
func (g *generator) guarded(body string) string {
	return "pcall(function(...)\n" + body + "end" + testkit.Pick(g.b, []string{"", ", a", ", b, c"}) + ")\n"
}

func (g *generator) statement() {
	g.statements++
	line := func(format string, args ...any) { fmt.Fprintf(&g.out, format+"\n", args...) }
	switch g.b.Choose(24) {
	case 0, 1, 2, 3, 4, 5:
		line("pcall(%s)", g.join(g.callee()))
	case 6, 7:
		line("%s = select(%d, pcall(%s))", g.name(), 1+g.b.Choose(3), g.join(g.callee()))
	case 8:
		fn, args := g.callee()
		line("%s(%s)", fn, args)
	case 9:
		line("local %s, %s = %s", g.name(), g.name(), g.exprsAtLeast(1, 3))
	case 10:
		line("%s, %s = %s", g.target(), g.target(), g.exprsAtLeast(1, 3))
	case 11:
		line("%s = %s", g.target(), g.expr())
	case 12:
		g.out.WriteString(g.guarded(g.sub(g.statement)))
	case 13:
		line("if %s then\n%selseif %s then\n%selse\n%send", g.expr(), g.body(), g.expr(), g.body(), g.body())
	case 14:
		line("while %s do\ndo\n%send\nbreak end", g.expr(), g.body())
	case 15:
		line("for a = %s, %s, %s do\n%send", g.number(), g.number(), g.number(), g.body())
	case 16:
		line("for a, b in %s do\n%send", g.iterator(), g.body())
	case 17:
		line("repeat\n%suntil %s or true", g.sub(g.blockWithoutReturn), g.expr())
	case 18:
		g.labels++
		line("do local n = 0 ::l%d:: n = n + 1\n%sif n < %d then goto l%d end end", g.labels, g.sub(g.blockWithoutReturn), g.b.Choose(5), g.labels)
	case 19:
		line("local %s = %s", g.name(), g.function())
	case 20:
		g.coroutine(line)
	case 21:
		line("%s = setmetatable(%s, {%s = %s, %s = %s})", g.name(), testkit.Pick(g.b, []string{"{}", "{1, 2}", "c", "f"}),
			testkit.Pick(g.b, events), g.handler(), testkit.Pick(g.b, events), g.handler())
	case 22:
		line("pcall(load(%s))", Quote(g.nested()))
	case 23:
		line("error(%s, %s)", g.expr(), g.number())
	}
}

// blockWithoutReturn is for where something follows.
func (g *generator) blockWithoutReturn() {
	g.depth++
	defer func() { g.depth-- }()
	for n := 1 + g.b.Choose(3); n > 0 && !g.spent(); n-- {
		g.out.WriteString("do\n" + g.sub(g.statement) + "end\n")
	}
}

var events = []string{"__index", "__newindex", "__call", "__add", "__concat", "__eq", "__lt", "__le", "__len", "__unm", "__tostring", "__metatable", "__mode", "__name", "__gc"}

func (g *generator) handler() string {
	switch g.b.Choose(4) {
	case 0:
		return g.name()
	case 1:
		return g.someFunction()
	case 2:
		return g.expr()
	}
	return g.function()
}

// callee is a function and what to call it with: mostly odd values of the right
// types, which get further than those of any.
func (g *generator) callee() (fn, args string) {
	fn, types, known := strings.Cut(testkit.Pick(g.b, g.Functions), ":")
	if !known || g.b.Choose(4) == 1 {
		return fn, g.exprs(4)
	}
	parts := make([]string, 0, len(types))
	for _, t := range types {
		if t == '?' { // the rest may be left out
			if g.b.Choose(3) == 1 {
				break
			}
			continue
		}
		parts = append(parts, g.typed(t))
	}
	return fn, strings.Join(parts, ", ")
}

func (g *generator) someFunction() string {
	fn, _, _ := strings.Cut(testkit.Pick(g.b, g.Functions), ":")
	return fn
}

// typed is an expression of a type: s for a string, i for a small whole number,
// n for any number, l for a list, t for a table, f for a function, o for one of
// Objects, a for anything. One in eight is of another.
func (g *generator) typed(t rune) string {
	if g.b.Choose(8) == 7 {
		return g.expr()
	}
	switch t {
	case 's':
		if g.b.Choose(4) == 1 {
			return g.expr() + " .. " + g.str()
		}
		return g.str()
	case 'i':
		return Number(float64(g.b.Choose(16) - 4))
	case 'n':
		return g.number()
	case 'l':
		if g.b.Choose(3) == 0 {
			return testkit.Pick(g.b, []string{"c", "f", "{}", "{1, 2, 3}", "{3, 1, 2, \"x\"}", "{\"b\", \"a\"}", "{{}, {}}", "setmetatable({}, {__index = d})"})
		}
		return "{" + g.exprs(4) + "}"
	case 't':
		return g.table()
	case 'f':
		return testkit.Pick(g.b, []string{"d", g.function(), g.someFunction()})
	case 'o':
		if len(g.Objects) > 0 {
			return testkit.Pick(g.b, g.Objects)
		}
	}
	return g.expr()
}

func (g *generator) coroutine(line func(string, ...any)) {
	switch g.b.Choose(5) {
	case 0:
		line("%s = coroutine.wrap(%s)", g.name(), g.function())
	case 1:
		line("pcall(coroutine.wrap(%s), %s)", g.function(), g.exprsAtLeast(1, 2))
	case 2:
		line("%s = coroutine.create(%s)", g.name(), g.function())
	case 3:
		line("%s = {coroutine.resume(%s, %s)}", g.name(), g.name(), g.exprsAtLeast(1, 2))
	case 4:
		line("%s = {coroutine.yield(%s)}", g.name(), g.exprs(3))
	}
}

// nested is a program of its own.
func (g *generator) nested() string {
	if g.spent() {
		return testkit.Pick(g.b, testkit.OddStrings)
	}
	outside := g.varargs
	g.varargs = true
	text := g.body()
	g.varargs = outside
	return text
}

func (g *generator) iterator() string {
	switch g.b.Choose(8) {
	case 0:
		return "pairs(" + g.table() + ")"
	case 1:
		return "ipairs(" + g.table() + ")"
	case 2:
		return "next, " + g.table()
	case 3:
		return "string.gmatch(" + g.str() + ", " + g.str() + ")"
	case 4:
		return "coroutine.wrap(" + g.function() + ")"
	case 5:
		return "pairs(_G)"
	}
	return g.exprsAtLeast(1, 3)
}

// target is what can be assigned to.
func (g *generator) target() string {
	switch g.b.Choose(5) {
	case 0:
		return g.name()
	case 1:
		return g.name() + "[" + g.expr() + "]"
	case 2:
		return g.name() + "." + testkit.Pick(g.b, append([]string{"x", "n"}, g.Fields...))
	case 3:
		return testkit.Pick(g.b, []string{"x", "y", "string.rep", "_G.z", "print", "pcall"})
	}
	return "c[" + g.number() + "]"
}

func (g *generator) join(first, rest string) string {
	if rest == "" {
		return first
	}
	return first + ", " + rest
}

// exprs are at most n expressions.
func (g *generator) exprs(n int) string {
	return g.list(g.b.Choose(n + 1))
}

func (g *generator) exprsAtLeast(least, most int) string {
	return g.list(least + g.b.Choose(most-least+1))
}

func (g *generator) list(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = g.expr()
	}
	return strings.Join(parts, ", ")
}

var (
	binary        = []string{"+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and", "or"}
	unary         = []string{"-", "not ", "#"}
	stringMethods = []string{"rep", "sub", "gsub", "find", "match", "gmatch", "format", "byte", "len", "lower", "upper", "reverse", "nothing"}
)

func (g *generator) expr() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > maxDepth+3 {
		return g.name()
	}
	switch g.b.Choose(22) {
	case 0:
		return testkit.Pick(g.b, []string{"nil", "true", "false"})
	case 1, 2, 3, 4:
		return g.number()
	case 5, 6, 7, 8:
		return g.str()
	case 9, 10:
		return g.name()
	case 11:
		if g.varargs {
			return "..."
		}
		return "nil"
	case 12, 13:
		return g.table()
	case 14:
		if g.statements < maxStatements {
			return g.function()
		}
		return "d"
	case 15:
		return "(" + g.expr() + " " + testkit.Pick(g.b, binary) + " " + g.expr() + ")"
	case 16:
		return "(" + testkit.Pick(g.b, unary) + g.expr() + ")"
	case 17:
		fn, args := g.callee()
		return fn + "(" + args + ")"
	case 18:
		return "(" + g.str() + "):" + testkit.Pick(g.b, stringMethods) + "(" + g.exprs(3) + ")"
	case 19:
		return "(" + g.expr() + ")[" + g.expr() + "]"
	case 20:
		if len(g.Objects) == 0 {
			return g.someFunction()
		}
		object := testkit.Pick(g.b, g.Objects)
		if len(g.Methods) == 0 || g.b.Choose(3) == 0 {
			return object
		}
		return "(" + object + "):" + testkit.Pick(g.b, g.Methods) + "(" + g.exprs(3) + ")"
	}
	parts := make([]string, 2+g.b.Choose(5))
	for i := range parts {
		parts[i] = g.expr()
	}
	return "(" + strings.Join(parts, " .. ") + ")"
}

func (g *generator) table() string {
	var parts []string
	for range g.b.Choose(5) {
		switch g.b.Choose(4) {
		case 0:
			parts = append(parts, "["+g.expr()+"] = "+g.expr())
		case 1:
			parts = append(parts, testkit.Pick(g.b, append([]string{"x", "n"}, g.Fields...))+" = "+g.expr())
		default:
			parts = append(parts, g.expr())
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g *generator) number() string { return Number(g.b.Number()) }

func (g *generator) str() string {
	s := g.b.Text()
	if len(s) > 200 {
		return fmt.Sprintf("(%s):rep(%d)", Quote(s[:1]), len(s))
	}
	return "(" + Quote(s) + ")"
}

// Number is an expression of f.
func Number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "(0/0)"
	case math.IsInf(f, 1):
		return "(1/0)"
	case math.IsInf(f, -1):
		return "(-1/0)"
	case f < 0 || f == 0 && math.Signbit(f):
		return "(" + strconv.FormatFloat(f, 'g', -1, 64) + ")"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// Quote is a literal of s, in letters that every reader of Lua understands.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%03d", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
