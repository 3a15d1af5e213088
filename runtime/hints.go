package runtime

import (
	"regexp"
	"strings"
)

// newerLua maps spellings of Lua 5.2 and later, and of other languages, to
// what to write here. The first that matches the source line wins.
var newerLua = []struct {
	re   *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`[^/]//[^/]`), `"//" is Lua 5.3: write math.floor(a / b)`},
	{regexp.MustCompile(`!=`), `"not equal" is written ~= in Lua`},
	{regexp.MustCompile(`<(const|close)>`), `attribs such as <const> are Lua 5.4: leave them out`},
	{regexp.MustCompile(`[\w\])]\s*(\+|-|\*|/|\.\.)=[^=]`), `Lua has no compound assignment: write x = x + 1`},
	{regexp.MustCompile(`\+\+|[^-]--\s*[;)]`), `Lua has no ++ or --: write x = x + 1`},
	{regexp.MustCompile(`&&|\|\|`), `"and" and "or" are words in Lua`},
	{regexp.MustCompile(`<<|>>|[^&]&[^&]|[^|]\|[^|]`), `bitwise operators are Lua 5.3: use arithmetic (a * 2^n, math.floor(a / 2^n), a % 2^n)`},
	{regexp.MustCompile(`(^|[^~=<>!])~[^=]`), `bitwise ~ is Lua 5.3; "not equal" is written ~=`},
	{regexp.MustCompile(`\bcontinue\b`), `Lua has no continue: write goto continue, with ::continue:: at the loop's end`},
	{regexp.MustCompile(`\belse\s+if\b`), `"elseif" is one word, or the inner if needs an end of its own`},
	{regexp.MustCompile(`\?[^:]*:`), `Lua has no ?: operator: write cond and a or b`},
	{regexp.MustCompile(`!\s*[\w(]`), `"not" is a word in Lua`},
	{regexp.MustCompile(`\b(if|while|elseif)\b[^=~<>]*[^=~<>]=[^=]`), `= assigns; comparison is ==`},
	{regexp.MustCompile(`\{\s*$|^\s*\}`), `blocks end with "end", not with braces`},
}

func syntaxHint(line string) string {
	code := line
	if i := strings.Index(code, "--"); i >= 0 && !strings.Contains(code, "'") && !strings.Contains(code, `"`) {
		code = code[:i+2]
	}
	for _, h := range newerLua {
		if h.re.MatchString(code) {
			return h.hint
		}
	}
	return ""
}

// absent maps names that the sandbox leaves out to what to do instead.
var absent = []struct {
	re   *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`\bio\.`), `there is no io: print writes, and require reads Lua files`},
	{regexp.MustCompile(`\bos\.(execute|remove|rename|tmpname|setenv|setlocale)\b`), `scripts cannot reach processes or files through os`},
	{regexp.MustCompile(`\bos\.getenv\b`), `scripts cannot see the environment: pass values as arguments, in arg and hud.args`},
	{regexp.MustCompile(`\bdebug\.`), `there is no debug library: error objects carry e.traceback`},
	{regexp.MustCompile(`\bpackage\.`), `there is no package table: require finds built-ins and the host's own roots`},
	{regexp.MustCompile(`\b(dofile|loadfile)\b`), `use require: it finds built-ins and the host's own roots`},
	{regexp.MustCompile(`\bmodule\s*[("']`), `return a table from the file, and require it`},
	{regexp.MustCompile(`\b(setfenv|getfenv)\b`), `functions cannot change environments here: pass a table instead`},
	{regexp.MustCompile(`\bcollectgarbage\b`), `the host collects garbage by itself`},
	{regexp.MustCompile(`\bnewproxy\b`), `use a table with a metatable`},
	{regexp.MustCompile(`\btable\.(unpack|pack)\b`), `table.unpack and table.pack are Lua 5.2: write unpack(t) and {n = select("#", ...), ...}`},
	{regexp.MustCompile(`\btable\.move\b`), `table.move is Lua 5.3: write a loop`},
	{regexp.MustCompile(`\bmath\.(tointeger|type|ult)\b`), `Lua 5.1 has one number type: math.floor(x) == x tests for a whole number`},
	{regexp.MustCompile(`\b(utf8|bit32|bit)\.`), `utf8 and bit32 are Lua 5.3 and 5.2: strings here are bytes, numbers are floats`},
	{regexp.MustCompile(`\bstring\.(pack|unpack|packsize)\b`), `string.pack is Lua 5.3: use hud.json for data`},
	{regexp.MustCompile(`\brawlen\b`), `rawlen is Lua 5.2: # ignores metatables on plain tables here`},
}

// AbsentHint is what to do instead of a standard Lua name that scripts do not
// have ("io", "table.unpack"), or "".
func AbsentHint(name string) string {
	for _, h := range absent {
		if h.re.MatchString(name) || h.re.MatchString(name+".") {
			return h.hint
		}
	}
	return ""
}

// runHint is a hint for an error that was raised on a line of source.
func runHint(message, line string) string {
	if !strings.Contains(message, "nil") && !strings.Contains(message, "is no function") {
		return ""
	}
	for _, h := range absent {
		if h.re.MatchString(line) {
			return h.hint
		}
	}
	return ""
}

// comparison is what gopher-lua says of an object in an order operator beside
// something else: no metamethod is asked.
var comparison = regexp.MustCompile(`attempt to compare (?:userdata with \w+|\w+ with userdata)$`)

// explained is the text of a run-time error, with what to write instead where
// an object was compared.
func explained(message string) string {
	if strings.Contains(message, "userdata") && comparison.MatchString(message) {
		return message + ": objects are compared by methods: a tensor has a:lt(b), a:le(b), a:gt(b) and a:ge(b), which give masks"
	}
	return message
}
