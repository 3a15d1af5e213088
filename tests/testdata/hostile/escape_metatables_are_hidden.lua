-- limits: ; ends: ok "0"
local hud = require "hud"
local open = 0
local _, e = pcall(string.rep)
for _, v in ipairs { hud.tensor { 1 }, e, hud.spawn(function() end), hud.rng.stream(1), "x" } do
	if type(getmetatable(v)) == "table" then open = open + 1 end
end
print(open)
