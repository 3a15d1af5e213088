package runtime

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// otherLanguages maps spellings of Lua 5.2 and later, and of other languages, to
// what to write here. The first that matches the source line, without its
// comment and with its strings empty, wins.
var otherLanguages = []struct {
	re   *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`^\s*(//|/\*|\*/|#)`), `a comment begins with --`},
	{regexp.MustCompile(`/\*|\s//\s*[A-Za-z]\w*\s+[A-Za-z]\w*\s`), `a comment begins with --, and "//" is math.floor(a / b)`},
	{regexp.MustCompile(`[!=]==`), `"equal" is written == in Lua, "not equal" ~=`},
	{regexp.MustCompile(`[\w\])]\s*(\+|-|\*|/|//|%|\^|\.\.|&&?|\|\|?|<<|>>|\?\?|\*\*)=([^=]|$)`), `Lua has no compound assignment: write x = x + 1`},
	{regexp.MustCompile(`!=|<>`), `"not equal" is written ~= in Lua`},
	{regexp.MustCompile(`<\s*(const|close)\s*>`), `attribs such as <const> are Lua 5.4: leave them out`},
	{regexp.MustCompile(`\bfor\s*\(`), `a loop is written for i = 1, 10 do … end, or for k, v in pairs(t) do … end`},
	{regexp.MustCompile(`\+\+|--\s*[;)]`), `Lua has no ++ or --: write x = x + 1`},
	{regexp.MustCompile(`&&|\|\|`), `"and" and "or" are words in Lua`},
	{regexp.MustCompile(`//`), `"//" is Lua 5.3: write math.floor(a / b)`},
	{regexp.MustCompile(`\*\*`), `"to the power of" is written ^ in Lua`},
	{regexp.MustCompile(`=>|->`), `a function is written function(x) return x end`},
	{regexp.MustCompile(`<<|>>|&|\|`), `bitwise operators are Lua 5.3: use arithmetic (a * 2^n, math.floor(a / 2^n), a % 2^n)`},
	{regexp.MustCompile(`~([^=]|$)`), `bitwise ~ is Lua 5.3; "not equal" is written ~=`},
	{regexp.MustCompile(`\?\?|\?\.`), `Lua has no ?? and ?.: write a or b, and a and a.b`},
	{regexp.MustCompile(`\?[^:]*:`), `Lua has no ?: operator: write cond and a or b`},
	{regexp.MustCompile(`:=`), `= assigns, to a local after the word local`},
	{regexp.MustCompile(`\bcontinue\b`), `Lua has no continue: write goto continue, with ::continue:: at the loop's end`},
	{regexp.MustCompile(`\belse\s+if\b|\b(elif|elsif)\b`), `"elseif" is one word, or the inner if needs an end of its own`},
	{regexp.MustCompile(`\bunless\b`), `Lua has no unless: write if not … then`},
	{regexp.MustCompile(`^\s*(switch|case)\b`), `Lua has no switch: write if … elseif … end, or look it up in a table of functions`},
	{regexp.MustCompile(`^\s*\}?\s*(try|catch|except|finally)\b`), `Lua has no try: write local ok, result = pcall(f, …)`},
	{regexp.MustCompile(`^\s*(throw|raise)\b`), `Lua has no throw: write error(message), or error({code = …})`},
	{regexp.MustCompile(`^\s*(import|from|include|using|#include)\b`), `a module is loaded by local name = require "name"`},
	{regexp.MustCompile(`^\s*class\b`), `Lua has no classes: a table of functions with __index = itself is the metatable of its objects`},
	{regexp.MustCompile(`^\s*(def|func|fn|fun|sub|proc)\b`), `a function is written local function name(a, b) … end`},
	{regexp.MustCompile(`\blambda\b`), `a function without a name is written function(x) return x end`},
	{regexp.MustCompile(`^\s*(let|var|const|int|float|double|string|bool|auto|global|my)\s+\w+`), `a variable is declared by local x = 1, and a global by x = 1`},
	{regexp.MustCompile(`\b(async|await)\b`), `hud.spawn(f) starts a task, and task:wait() waits for it`},
	{regexp.MustCompile(`^\s*yield\b`), `yield is a function: coroutine.yield(x)`},
	{regexp.MustCompile(`^\s*(pass|delete|del)\b`), `an empty block needs no word; a key is deleted by t[k] = nil`},
	{regexp.MustCompile(`\bfor\b.*\bin\b[^.]*\.\.|\bfor\b[^=]*=.*\bto\b`), `a range is written for i = 1, 10 do`},
	{regexp.MustCompile(`\bfor\b.*\bin\b.*:\s*$`), `a loop over a list is written for i, x in ipairs(list) do … end`},
	{regexp.MustCompile(`\bfunction\b[\s\w.:]*\([^)]*:`), `Lua has no types in its source: write function f(x)`},
	{regexp.MustCompile(`\bfunction\b[\s\w.:]*\([^)]*=`), `Lua has no default arguments: write if x == nil then x = 1 end`},
	{regexp.MustCompile(`\bfunction\b[\s\w.:]*\([^)]*\.\.\.\s*\w`), `... has no name: write local args = {...}`},
	{regexp.MustCompile(`\.\.\.\s*\w`), `... takes all arguments, and unpack(t) gives what a list holds`},
	{regexp.MustCompile(`[\w\])]\s*\[[^\]]*:[^\]]*\]`), `Lua has no slices: s:sub(i, j) of a string, {unpack(t, i, j)} of a list`},
	{regexp.MustCompile(`[=(,]\s*\[[^\[=]|[=(,]\s*\[$|\breturn\s*\[[^\[=]`), `a list is written {1, 2, 3}`},
	{regexp.MustCompile(`[{,]\s*("\s*"|'\s*'|\w+)\s*:`), `a table is written {name = value, ["any text"] = value}`},
	{regexp.MustCompile("`"), "strings are written \"…\", '…' or [[…]]"},
	{regexp.MustCompile(`\b\d[\da-fA-F]*_\d|\b0[bBoO][0-7]|\b0[xX][\da-fA-F]*(\.|[pP])`), `a number is decimal or hexadecimal, without _: 1000000, 1e6, 0xff`},
	{regexp.MustCompile(`\)\s*\{|\{\s*$|^\s*\}`), `blocks end with "end", not with braces`},
	{regexp.MustCompile(`!\s*[\w(]`), `"not" is a word in Lua`},
	{inCondition, `= assigns; comparison is ==`},
	{regexp.MustCompile(`\bbreak\s+[A-Za-z_]\w*\s*[=(.]`), `break ends its block: write do break end in the middle of one`},
	{regexp.MustCompile(`^\s*(local\s+)?[\w.,\s]+==`), `== compares; = assigns`},
	{regexp.MustCompile(`"\s*\+|\+\s*"`), `strings are joined by ..`},
}

var (
	inCondition = regexp.MustCompile(`\b(?:if|while|elseif|until)\b(.*?)(?:\bthen\b|\bdo\b|$)`)
	assignment  = regexp.MustCompile(`[^=~<>]=([^=]|$)`)
)

// syntaxHint is what to write in place of a line that does not parse, or "".
func syntaxHint(line string) string {
	code := codeOf(line)
	for _, h := range otherLanguages {
		m := h.re.FindStringSubmatch(code)
		if m == nil || h.re == inCondition && !assignment.MatchString(m[1]) {
			continue
		}
		return h.hint
	}
	return ""
}

var (
	lastWord  = regexp.MustCompile(`^\s*return\b`)
	colon     = regexp.MustCompile(`^\s*(if|elseif|else|while|for)\b.*:\s*$`)
	decrement = regexp.MustCompile(`[\w\])]--\s*$`)
)

// hintBefore is what to write in place of the line before one that does not parse.
func hintBefore(line string) string {
	switch {
	case lastWord.MatchString(line):
		return "return ends its block: write do return end in the middle of one"
	case colon.MatchString(line):
		return "a condition ends with then, the head of a loop with do"
	case decrement.MatchString(line):
		return "-- begins a comment; Lua has no --: write x = x - 1"
	}
	return ""
}

// codeOf is a line without its comment, and with its strings empty. A -- before
// ; or ) was meant as an operator.
func codeOf(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"' || c == '\'':
			b.WriteByte(c)
			for i++; i < len(line) && line[i] != c; i++ {
				if line[i] == '\\' {
					i++
				}
			}
			b.WriteByte(c)
		case strings.HasPrefix(line[i:], "--"):
			if rest := strings.TrimSpace(line[i+2:]); strings.HasPrefix(rest, ";") || strings.HasPrefix(rest, ")") {
				b.WriteString("--" + rest[:1])
			}
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escapeHint is what to write in place of an escape of a newer Lua; rest is what
// follows its letter.
func escapeHint(letter byte, rest string) string {
	switch letter {
	case 'x':
		if n, err := strconv.ParseUint(rest[:min(2, len(rest))], 16, 8); err == nil {
			return fmt.Sprintf(`codes are decimal: write \%03d`, n)
		}
		return `codes are decimal: \65 is "A"`
	case 'u':
		digits, _, closed := strings.Cut(strings.TrimPrefix(rest, "{"), "}")
		if n, err := strconv.ParseUint(digits, 16, 21); err == nil && closed {
			var b strings.Builder
			for _, c := range []byte(string(rune(n))) {
				fmt.Fprintf(&b, `\%03d`, c)
			}
			return fmt.Sprintf("write the character itself, or its bytes: %s", b.String())
		}
		return "write the character itself, or its bytes in UTF-8"
	}
	return `join the pieces with .., or end the line with a \ to go on in the next one`
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
	{regexp.MustCompile(`\btable\.foreachi?\b`), `foreach is Lua 5.0: write for k, v in pairs(t) do`},
	{regexp.MustCompile(`\bstring\.gfind\b`), `gfind is Lua 5.0: write string.gmatch`},
	{regexp.MustCompile(`\bstring\.(split|trim|join|startswith|endswith|contains)\b`), `see string.gmatch, s:match("^%s*(.-)%s*$"), table.concat and s:find(text, 1, true)`},
	{regexp.MustCompile(`\bmath\.(round|trunc)\b`), `write math.floor(x + 0.5)`},
	{regexp.MustCompile(`^(null|None|undefined|NULL|nullptr|Nil)$`), `nothing is written nil in Lua`},
	{regexp.MustCompile(`^(True|TRUE|False|FALSE)$`), `write true and false`},
	{regexp.MustCompile(`^(switch|case)$`), `Lua has no switch: write if … elseif … end, or look it up in a table of functions`},
	{regexp.MustCompile(`^(try|catch|except|finally)$`), `Lua has no try: write local ok, result = pcall(f, …)`},
	{regexp.MustCompile(`^(throw|raise)$`), `Lua has no throw: write error(message), or error({code = …})`},
	{regexp.MustCompile(`^(len|range|enumerate)$`), `a length is written #t, a range for i = 1, n do, a list's items for i, x in ipairs(t) do`},
	{regexp.MustCompile(`^(console|printf|println|echo)$`), `print writes a line; string.format formats it`},
	{regexp.MustCompile(`^this$`), `the object of a method is self: function t:name() … end`},
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
	if strings.Contains(message, "attempt to call") && strings.Contains(message, "a table value") && overTable.MatchString(line) {
		return "a loop over a table is written for k, v in pairs(t) do, over a list for i, x in ipairs(t) do"
	}
	if !strings.Contains(message, "nil") && !strings.Contains(message, "is no function") {
		return ""
	}
	if m := blamedGlobal.FindStringSubmatch(message); m != nil {
		if hint := AbsentHint(m[1]); hint != "" {
			return hint
		}
	}
	for _, h := range absent {
		if h.re.MatchString(line) {
			return h.hint
		}
	}
	return ""
}

var overTable = regexp.MustCompile(`\bfor\b.*\bin\b`)

var blamedGlobal = regexp.MustCompile(`global '(\w+)'`)

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
