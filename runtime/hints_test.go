package runtime_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hudrl/hudrl/runtime"
)

// What newer Luas and other languages write gets a hint, at its own line,
// whichever way the source comes in.
func TestSyntaxHints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"local a = 7 // 2", "math.floor(a / b)"},
		{"x = a//b", "math.floor(a / b)"},
		{"x = a & 0xff", "use arithmetic"},
		{"x = a|b", "use arithmetic"},
		{"x = a ~ b", "bitwise ~"},
		{"x = ~a", "bitwise ~"},
		{"x = 1 << 2", "use arithmetic"},
		{"x = 8 >> 1", "use arithmetic"},
		{"local x <const> = 1", "leave them out"},
		{"local f <close> = g()", "leave them out"},
		{`x = "\x41"`, `write \065`},
		{`x = '\x'`, `codes are decimal`},
		{`x = "\u{20AC}"`, `its bytes: \226\130\172`},
		{`x = "\u20AC"`, `its bytes in UTF-8`},
		{`x = "a\z"`, `join the pieces`},
		{"if a != b then end", "~="},
		{"x = a === b", "written =="},
		{"if a <> b then end", "~="},
		{"x += 1", "x = x + 1"}, {"x -= 1", "x = x + 1"}, {"t[1] *= 2", "x = x + 1"}, {"x /= 2", "x = x + 1"},
		{"x %= 2", "x = x + 1"}, {"x ^= 2", "x = x + 1"}, {"x //= 2", "x = x + 1"}, {`x ..= "a"`, "x = x + 1"},
		{"x ||= 1", "x = x + 1"}, {"f(x) &= 1", "x = x + 1"},
		{"x++", "no ++"}, {"++x", "no ++"}, {"i--; y = 1", "no ++"},
		{"x = a && b", `"and"`}, {"x = a || b", `"or"`}, {"x = !a", `"not"`},
		{"x = a ** 2", "^"},
		{"x = (a) => a", "function(x) return x end"}, {"f(x -> x)", "function(x) return x end"},
		{"x = a ?? b", "a or b"}, {"x = a?.b", "a and a.b"}, {"x = a ? b : c", "cond and a or b"},
		{"x := 1", "= assigns"},
		{"for i = 1, 2 do continue end", "::continue::"},
		{"if a then elif b then end", `"elseif"`}, {"if a then b() else if c then d() end", `"elseif"`},
		{"unless x then end", "if not"},
		{"switch x { }", "no switch"}, {"try { f() }; catch e {}", "pcall"}, {"throw error", "error(message)"}, {"raise error", "error(message)"},
		{"import foo", "require"}, {"from x import y", "require"},
		{"class Foo", "__index"},
		{"def f(x):", "local function name"}, {"fn f(x) end", "local function name"}, {"x = lambda y: y", "function(x)"},
		{"let x = 1", "local x = 1"}, {"var x = 1", "local x = 1"}, {"const x = 1", "local x = 1"}, {"int x = 1", "local x = 1"},
		{"async function f() end", "hud.spawn"}, {"yield x", "coroutine.yield"}, {"del t[1]", "t[k] = nil"},
		{"for i in 1..10 do end", "for i = 1, 10 do"}, {"for i = 1 to 10 do end", "for i = 1, 10 do"},
		{"for (i = 0; i < 3; i++) { }", "for i = 1, 10 do"}, {"for x in list:", "ipairs(list)"},
		{"local function f(x: number) end", "no types"}, {"function f(a, b = 1) end", "no default"},
		{"function f(...args) end", "{...}"}, {"x = {...t, 1}", "unpack(t)"}, {"x = t[1:2]", "s:sub(i, j)"},
		{"x = [1, 2, 3]", "{1, 2, 3}"}, {`x = {"a": 1}`, "{name = value"}, {"return {a = 1, b: 2}", "{name = value"},
		{"x = `text`", "strings are written"},
		{"x = 1_000", "decimal or hexadecimal"}, {"x = 0b101", "decimal or hexadecimal"}, {"x = 0x1p4", "decimal or hexadecimal"},
		{"if x = 1 then end", "comparison is =="}, {"x == 1", "= assigns"},
		{"function f() { return 1 }", "not with braces"}, {"if (x) { y = 1 }", "not with braces"},
		{`print "a" + "b" "c" +`, "joined by .."},
		{"// a comment", "begins with --"}, {"/* a comment */", "begins with --"}, {"# a comment", "begins with --"},
		{"goto nowhere", "::name::"},
		{"x", "assign it"},
		{"while true do break x = 1 end", "break ends its block"},
		{"if a then b = 1 c d end", ""},
		{"x = {1,, 2}", ""},
		{"x = 5 5 -- a != b, c += 1", ""},
		{`x = "a != b" "&&"`, ""},
	} {
		t.Run(c.src, func(t *testing.T) {
			t.Parallel()
			const line = 3
			src := "-- a comment\n\n" + c.src + "\n"
			_, err := runtime.Compile("x.lua", src)
			var e *runtime.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an error", err)
			}
			// A text that ends too early ends in its last line.
			if !strings.Contains(e.Hint, c.want) || c.want == "" && e.Hint != "" || e.Line != line && !errors.Is(err, runtime.ErrIncomplete) {
				t.Errorf("got %v, hint %q, want line %d and %q", err, e.Hint, line, c.want)
			}
			incomplete := errors.Is(err, runtime.ErrIncomplete)

			cfg := runtime.Config{}
			cfg.Roots = append(cfg.Roots, fstest.MapFS{"m.lua": {Data: []byte(src)}})
			out, _, err := run(t, cfg, `
				local src = ...
				local text = select(2, loadstring(src, "x.lua"))
				assert(text == select(2, load(function() local s = src src = nil return s end, "x.lua")))
				local ok, e = pcall(require, "m")
				print(text)
				print(e.source, e.line, e.hint)`, src)
			if err != nil {
				t.Fatal(err)
			}
			text, module, _ := strings.Cut(out, "\n")
			if want := fmt.Sprintf("x.lua:%d: ", e.Line); !strings.HasPrefix(text, want) || !incomplete && !strings.Contains(text, c.want) {
				t.Errorf("loadstring: got %q, want %q and %q", text, want, c.want)
			}
			if want := fmt.Sprintf("m.lua\t%d\t", e.Line); !strings.HasPrefix(module, want) || !strings.Contains(module, c.want) {
				t.Errorf("require: got %q, want %q and %q", module, want, c.want)
			}
		})
	}
}

// Where a word of another language is read, there is nil, and what then goes
// wrong says what to write.
func TestRunHints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"local x = 1 + null", "nil"},
		{"return None.x", "nil"},
		{"return #undefined", "nil"},
		{"return True .. ''", "true and false"},
		{"local t = {} for i in range(3) do end", "for i = 1, n"},
		{"return len({})", "#t"},
		{"local t = {} for k in t do end", "pairs(t)"},
		{"throw 'x'", "error("},
		{"try {} catch ('e')", "pcall"},
		{"console.log('x')", "print"},
		{"return table.unpack({1})", "unpack(t)"},
		{"table.foreach({}, print)", "pairs"},
		{"return utf8.char(65)", "utf8"},
		{"return bit32.band(1, 2)", "bit32"},
		{"return math.tointeger(3.0)", "one number type"},
		{"return string.pack('i4', 1)", "hud.json"},
		{"return ('a b'):split(' ')", ""},
		{"return io.read()", "no io"},
		{"return os.getenv('HOME')", "environment"},
		{"dofile('x.lua')", "require"},
		{"collectgarbage()", "by itself"},
		{"local this return this.x", ""},
	} {
		_, _, err := run(t, runtime.Config{}, c.src)
		var e *runtime.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, c.want) || c.want == "" && e.Hint != "" {
			t.Errorf("%s: got %v, hint %q, want %q", c.src, err, e.Hint, c.want)
		}
	}
}
