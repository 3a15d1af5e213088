-- Expected values: the Lua 5.1 reference manual; printf of C for the formats.
assert(tostring(0.1 + 0.2) == "0.3")
assert(tostring(1e14) == "1e+14" and tostring(99999999999999) == "99999999999999")
assert(tostring(2^53) == "9.007199254741e+15")
assert(tostring(-0.0) == "-0" and tostring(1/0) == "inf" and tostring(-1/0) == "-inf" and tostring(0/0) == "nan")
assert(1e-5 .. "" == "1e-05" and 1 / 3 .. "" == "0.33333333333333")
assert(table.concat({0.1 + 0.2, 5, "x"}, " ") == "0.3 5 x")
assert(("%s %s"):format(0.1 + 0.2, 7) == "0.3 7")
assert(("x"):rep(3.7) == "xxx" and ("7"):rep("2") == "77")

assert(tonumber("1e-4") == 1e-4 and tonumber("1e5") == 1e5 and tonumber(" 12 ") == 12 and tonumber("-.5") == -0.5)
assert(tonumber("0x1F") == 31 and tonumber("-0x10") == -16 and tonumber("1F", 16) == 31 and tonumber("-zz", 36) == -1295)
assert(tonumber("") == nil and tonumber("1 2") == nil and tonumber("1_000") == nil and tonumber("0x") == nil and tonumber("1e") == nil)
assert(tonumber("8", 8) == nil and tonumber(nil) == nil and tonumber({}) == nil and tonumber(true) == nil)
assert(tonumber("inf") == math.huge and tonumber("-inf") == -math.huge and tonumber(tostring(1e300)) == 1e300)
assert(tonumber("1e999") == math.huge)

assert(math.ldexp(1, 1e9) == math.huge and math.ldexp(3, 2) == 12 and math.ldexp(1, -1e9) == 0)
assert(math.floor(-3.5) == -4 and math.fmod(7, 3) == 1 and math.pi > 3.14 and math.huge > 1e308)
---
tonumber("1", 1)             --! ^tonumber: base: got 1, want 2 to 36$
---
tonumber()                   --! ^tonumber: value: got nil, want a value$
---
-- random: in range, repeatable, whole
math.randomseed(42)
local a, b, c = math.random(), math.random(6), math.random(-5, 5)
math.randomseed(42)
assert(a == math.random() and b == math.random(6) and c == math.random(-5, 5))
for i = 1, 1000 do
  local x, d, e = math.random(), math.random(6), math.random(-2, 2)
  assert(x >= 0 and x < 1 and d >= 1 and d <= 6 and d % 1 == 0 and e >= -2 and e <= 2)
end
local seen = {}
for i = 1, 1000 do seen[math.random(3)] = true end
assert(seen[1] and seen[2] and seen[3])
assert(math.random(7, 7) == 7 and math.random(2^52, 2^52) == 2^52)
---
math.random(0)               --! ^math.random: m: got 0, want at least 1$
---
math.random(5, 1)            --! ^math.random: the interval is empty: got 5 to 1$
---
math.random(1, 2, 3)         --! ^math.random: got 3 arguments, want at most 2$
---
math.random(0/0)             --! ^math.random: m: got nan, want a number within 2\^53$
---
math.random(-2^53, 2^53)     --! ^math.random: the interval is wider than 2\^53$
---
math.randomseed("x")         --! ^math.randomseed: seed: got "x", want a finite number$
