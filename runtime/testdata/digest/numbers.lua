-- What tonumber makes of 20,000 random texts in every base, and tostring of numbers.
local say = ...
local seed = 999
local function below(n) seed = (seed * 16807) % 2147483647 return seed % n end
local function pick(t) return t[below(#t) + 1] end
local pieces = {
  "0", "1", "2", "7", "8", "9", "a", "f", "F", "g", "z", "Z", "e", "E", "x", "X", ".", "-", "+", " ", "\t", "\n", "10", "0x",
  "e5", "e-3", "1e", ".5", "5.", "00", "_", ",", "123456789",
}
for _ = 1, 20000 do
  local t = {}
  for k = 1, below(5) + 1 do t[k] = pick(pieces) end
  t = table.concat(t)
  -- The C library's strtod reads more than the manual says: hexadecimal fractions and exponents.
  if not t:lower():find("0x.*[.pe]") and not t:lower():find("0x%s*$") and not t:lower():find("0x[^%x]") then
    say(t, tostring(tonumber(t)), tostring(tonumber(t, 10)))
  end
  local base = below(35) + 2
  if base ~= 10 and base ~= 16 and #t <= 9 and not t:find("%-") then say(t, base, tostring(tonumber(t, base))) end
end
for _ = 1, 20000 do
  local m, e = below(2147483647) - 1e9, below(60) - 30
  local n = m * 10^e
  say(tostring(n), tostring(m / 7), n .. "", string.format("%.14g", m / 1e5))
end
