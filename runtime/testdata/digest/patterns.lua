-- What find, match, gsub and gmatch make of 8,000 random patterns.
local say = ...
local atoms = {
  "a", "b", "c", ".", "%a", "%d", "%w", "%s", "%%", "[ab]", "[^a]", "[a-c]", "[]]", "[^]]", "[a-]", "[-a]", "[%a-z]",
  "%b()", "%bab", "%f[a]", "%f[%w]", "(", "(", ")", ")", "()", "%1", "%2", "^", "$", "]", "[", "-", "*", "+", "?", "%p",
  "%u", "%x", "%z", "%l", "%A", "%W", "%S", "[^%s]", "%", "[%]]", "[a%-z]", "[z-a]", "[%d%a]", "%c", "%P",
}
local quantifiers = {"", "", "", "*", "+", "-", "?"}
local pieces = {"a", "b", "c", "A", "1", " ", "(", ")", "]", "-", "%", "$", "^", "\0", "ab", "."}

local seed = 12345
local function below(n) seed = (seed * 16807) % 2147483647 return seed % n end
local function text(ok, ...)
  if not ok then return "error" end
  local t = {}
  for i = 1, select("#", ...) do t[i] = type(select(i, ...)) .. ":" .. tostring((select(i, ...))) end
  return table.concat(t, ",")
end
for _ = 1, 8000 do
  local p, s = {}, {}
  for k = 1, below(6) + 1 do p[k] = atoms[below(#atoms) + 1] .. quantifiers[below(#quantifiers) + 1] end
  for k = 1, below(12) do s[k] = pieces[below(#pieces) + 1] end
  p, s = table.concat(p), table.concat(s)
  local from = below(8) - 3
  -- C Lua lets %1 of a position capture match nothing; here it is an error.
  if not (p:find("()", 1, true) and p:find("%%[12]")) then
    say(p, s, text(pcall(string.find, s, p, from)), text(pcall(string.match, s, p, from)),
      text(pcall(string.gsub, s, p, "<%0>")), text(pcall(string.gsub, s, p, "%1%%", 2)),
      text(pcall(string.gsub, s, p, function(a, b) return b end)), text(pcall(string.gsub, s, p, {a = "x", ab = 1})),
      text(pcall(function()
        local r = {}
        for a, b, c in string.gmatch(s, p) do r[#r + 1] = text(true, a, b, c) end
        return table.concat(r, "|")
      end)))
  end
end
