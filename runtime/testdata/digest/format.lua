-- What string.format makes of 20,000 random conversions.
local say = ...
local seed = 54321
local function below(n) seed = (seed * 16807) % 2147483647 return seed % n end
local function pick(t) return t[below(#t) + 1] end
local numbers = {
  0, 1, -1, 7, 42, -42, 255, 65535, 1e3, 123456789, -123456789, 2^31, 2^31 - 1, -2^31, 2^32, 2^53, -2^53, 1e15, 1e16, 1e20,
  0.5, -0.5, 1.5, 2.5, 0.1, 1/3, -2/3, 1e-5, 1e-10, 1.25e-7, 3.14159265358979, 1e100, -1e100, 1e308, 5e-324, 1e300,
  99999.5, 999995.5, 0.000099999, 123456.789, 100, 1000000, 1e-4, 1e-5,
}
local strings = {"", "a", "hello", "hello world", "a\nb", 'q"uo\\te', "tab\t", "\r", "100", "-7", "0x10", " 12 ", "1e2"}
for _ = 1, 20000 do
  local flags = {}
  for _ = 1, below(3) do flags[#flags + 1] = pick{"-", "+", " ", "#", "0"} end
  local spec = "%" .. table.concat(flags)
  if below(2) == 0 then spec = spec .. below(25) end
  if below(2) == 0 then spec = spec .. "." .. (below(4) == 0 and "" or below(20)) end
  local kind = below(10)
  if kind < 3 then
    local n = math.floor(pick(numbers) + 0.5)
    if n >= -2^53 and n <= 2^53 then
      spec = spec .. pick{"d", "i", "x", "X", "o"}
      say(spec, n, string.format("[" .. spec .. "]", n))
    end
  elseif kind < 8 then
    spec = spec .. pick{"e", "E", "f", "g", "G"}
    local n = pick(numbers)
    say(spec, n, string.format("[" .. spec .. "]", n))
  elseif kind == 8 then
    spec = spec:gsub("[#0+ ]", "") .. "s"
    local s = pick(strings)
    say(spec, s, string.format("[" .. spec .. "]", s))
  else
    local s = pick(strings)
    say("%q %c", s, string.format("%q|%c|%5c|%-5c|%%", s, below(255) + 1, 65, 66))
  end
end
