-- Expected values: the Lua 5.1 reference manual §5.4, and lua 5.1.5.
local s = "hello world"
assert(s:sub(1, 5) == "hello" and s:sub(-5) == "world" and s:sub(3, 2) == "" and s:byte(1) == 104 and s:byte(-1) == 100)
assert(("hi"):byte(-3) == nil and ("hi"):byte(3) == nil and ("hi"):byte(0) == nil and ("hi"):byte(2, 1) == nil and ("hi"):byte(-2) == 104)
assert(select("#", ("hi"):byte(-10, 10)) == 2 and select("#", ("hi"):byte(0, 1)) == 1)
assert(select("#", s:byte(1, -1)) == 11 and select("#", s:byte(20)) == 0 and string.char(72, 105) == "Hi" and string.char() == "")
assert(("AbC"):lower() == "abc" and ("AbC"):upper() == "ABC" and ("é"):upper() == "é" and #"é" == 2)
assert(("abc"):reverse() == "cba" and ("abc"):len() == 3 and ("x"):rep(0) == "" and ("x"):rep(-1) == "" and (""):rep(1e9) == "")

assert(s:find("wor") == 7 and s:find("l") == 3 and s:find("l", 5) == 10 and s:find("xyz") == nil and s:find("") == 1)
assert(s:find("", 20) == 12 and s:find("o w") == 5 and s:find("h.l") == 1 and s:find(".", 1, true) == nil and ("a.b"):find(".", 1, true) == 2)
local i, j, a, b = s:find("(o)( w)")
assert(i == 5 and j == 7 and a == "o" and b == " w")
assert(s:match("^(%w+)") == "hello" and s:match("(%w+)$") == "world" and s:match("()ll()") == 3 and s:match("%d") == nil)
assert(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key")
assert(("[[x]]"):match("%[%[(.-)%]%]") == "x" and ("f(a(b)c)d"):match("%b()") == "(a(b)c)" and ("THE (quick) fox"):find("%((%a+)%)") == 5)
assert(("abab"):match("(ab)%1") == "ab" and ("2024-01-02"):match("(%d+)-(%d+)-(%d+)") == "2024")
assert(("THE (quick) fox"):gsub("%f[%a]%a+", "X") == "X (X) X")
assert(("  trim  "):match("^%s*(.-)%s*$") == "trim" and ("a-b_c"):match("[%a%-_]+") == "a-b_c" and ("x]y"):match("[]]") == "]" and ("a^b"):match("[%^]") == "^")
assert(("aaa"):match("a-b") == nil and ("aaab"):match("a-b") == "aaab" and ("a"):match("a?a") == "a" and (""):match(".*") == "")
assert(("\0a\0"):match("%z(.)") == "a" and ("x\0y"):len() == 3 and ("a\0b"):find("\0", 1, true) == 2)

assert(("hello"):gsub("l", "L") == "heLLo" and select(2, ("hello"):gsub("l", "L")) == 2 and ("hello"):gsub("l", "L", 1) == "heLlo")
assert(("hello"):gsub("", "-") == "-h-e-l-l-o-" and ("abc"):gsub("%w", "%0%0") == "aabbcc" and ("a b"):gsub("(%w) (%w)", "%2 %1") == "b a")
assert(("$name is $age"):gsub("%$(%w+)", {name = "Bob"}) == "Bob is $age" and ("abc"):gsub("%w", function(c) if c == "b" then return "X" end end) == "aXc")
assert(("abc"):gsub("^a", "x") == "xbc" and ("aaa"):gsub("^a", "x") == "xaa" and ("a.b"):gsub("%.", "%%") == "a%b" and ("x"):gsub("x", 5) == "5")
assert(("hello world"):gsub("o", "0", 0) == "hello world" and ("abc"):gsub("b", false or "") == "ac" and ("a"):gsub("()", "%1") == "1a2")
local words = {}
for w in ("one two  three"):gmatch("%a+") do words[#words + 1] = w end
assert(table.concat(words, ",") == "one,two,three")
local n = 0
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do n = n + v end
assert(n == 3)
n = 0
for _ in ("abc"):gmatch("") do n = n + 1 end
assert(n == 4)
---
("x"):match("(")             --! ^string.match: pattern is malformed: a \( without its \)$
---
("x"):match(")")             --! ^string.match: pattern is malformed: a \) without its \($
---
("x"):find("[a")             --! ^string.find: pattern is malformed: missing \]$
---
("x"):find("%")              --! ^string.find: pattern is malformed: it ends with %$
---
("x"):find("%b")             --! missing arguments to %b
---
("x"):find("%f")             --! missing \[ after %f
---
("x"):find("%1")             --! ^string.find: pattern refers to capture %1, which does not exist$
---
("x"):gsub("x", "%2")        --! ^string.gsub: capture %2 does not exist$
---
("x"):gsub("x", true)        --! ^string.gsub: replacement: got boolean, want string, table or function$
---
("x"):gsub("x", function() return {} end) --! ^string.gsub: the replacement: got table, want string$
---
("a"):rep(40):find(("(a"):rep(33) .. (")"):rep(33)) --! more than 32 captures
---
("x"):find(("a?"):rep(300) .. "b") -- no captures: only deep patterns are refused
---
string.char(256)             --! ^string.char: code 1: got 256, want 0 to 255$
---
string.rep()                 --! ^string.rep: s: got nil, want string$
---
("x"):nothing()              --! ^strings have no method or field "nothing"$
---
local s = "abc"
return s[1]                  --! ^attempt to index a string with a number key$
