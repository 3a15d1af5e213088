-- Strings as numbers and numbers as strings: Lua 5.1 manual, 2.2.1 and 5.1; PUC-Rio's Lua 5.1.5 runs this part, too.
assert("010" + 0 == 10 and "08" * 1 == 8 and -"010" == -10 and "10" % "3" == 1 and "2" ^ "3" == 8 and "7" / "2" == 3.5)
assert("0x10" + 0 == 16 and "1e2" - 0 == 100 and " \t5\n" + 0 == 5 and "\v1\f" + 0 == 1 and "\r1" + 0 == 1 and "-.5" + 0 == -0.5)
assert("1e400" + 0 == math.huge and "0xffffffffffffffffff" + 0 == 4722366482869645213695)
for _, s in ipairs{"0b1", "1_0", "0o7", "", " ", "1e", "0x", "+ 5", "1 2", ".", "--5", "+-5", "5..", "x"} do
  assert(not pcall(function() return s + 0 end) and not pcall(function() return 0 - s end) and not pcall(function() return -s end), s)
  assert(tonumber(s) == nil, s)
end
assert(1e400 == math.huge and 0xff == 255 and 0Xfe == 254 and 010 == 10 and 3. == 3 and .5e1 == 5 and 1e+2 == 100)
assert(0xffffffffffffffffff == 4722366482869645213695 and 9007199254740993 == 2^53)
-- an object beside a string decides
local t = setmetatable({}, {__add = function(a, b) return "added" end, __unm = function() return "negated" end})
assert(t + "1" == "added" and "1" + t == "added" and "x" + t == "added" and t + "x" == "added" and -t == "negated")
assert(not pcall(function() return t * "2" end) and not pcall(function() return "2" - {} end))
-- functions that take numbers, and those that take strings
assert(math.floor("010") == 10 and math.max("9", "10") == 10 and math.abs("-08") == 8 and math.sqrt("16") == 4)
assert(math.modf(1 / 0) == math.huge and select(2, math.modf(1 / 0)) == 0 and select(2, math.modf(-3.5)) == -0.5)
assert(string.len(0.1 + 0.2) == 3 and string.reverse(120) == "021" and string.sub(1e15, 1) == "1e+15" and string.sub("hello", "2", "03") == "el")
assert(("x"):rep("03") == "xxx" and string.byte("abc", "2") == 98 and string.char("65") == "A")
assert(("hello"):sub(2) == "ello" and ("hello"):sub(-3) == "llo" and ("hello"):sub(0) == "hello" and ("hello"):sub(2, -2) == "ell")
assert(("hello"):sub(4, 2) == "" and ("hello"):sub(9) == "" and ("hello"):sub(-99, 2) == "he" and ("hello"):sub(-99, -5) == "h" and ("hello"):sub(0, 0) == "")
assert(("hello"):sub(-2^40, 2^40) == "hello" and ("hello"):sub(2.9) == "ello")
-- strings are not numbers where types are compared
assert(not pcall(function() return "10" < 5 end) and "10" < "9" and 10 ~= "10" and not rawequal(1, "1"))
local keys = {[1] = "number", ["1"] = "string"}
assert(keys[1] == "number" and keys["1"] == "string" and keys[1.0] == "number")
for s, n in pairs{["10"] = 2, z = 36, Zz = 36, [" 7 "] = 8, ["+7"] = 8, ["ff"] = 16, ["0xff"] = 16, ["0XFF"] = 16} do
  assert(tonumber(s, n), s)
end
assert(tonumber("Zz", 36) == 35 * 36 + 35 and tonumber("0xff", 16) == 255 and tonumber("+7", 8) == 7 and tonumber("1e1", 10) == 10)
assert(tonumber("2", 2) == nil and tonumber("", 8) == nil and tonumber("g", 16) == nil and tonumber("1 0", 2) == nil and tonumber("1.5", 8) == nil)
---
-- what C's unsigned integers cannot do there
assert(tonumber("-11", 2) == -3 and tonumber("-ff", 16) == -255 and tonumber("zzzzzzzzzzzzzzzz", 36) > 7.9e24)
---
return 1e                    --! malformed number near "1e"
---
return "x" + 1               --! attempt to perform arithmetic on a string value
---
local n = "x"
return -n                    --! attempt to perform arithmetic on local 'n' \(a string value\)
---
string.sub("x")              --! ^string.sub: from: got nil, want number$
---
math.modf("x")               --! ^math.modf: x: got string, want number$
---
string.len()                 --! ^string.len: s: got nil, want string$
