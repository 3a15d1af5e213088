-- limits: ; ends: ok "7"
local hud = require "hud"
local bad = 0
for _, c in ipairs { 0, -1, 0.5, 0 / 0, "2", {}, true } do
	if not pcall(hud.map, { 1 }, print, { concurrency = c }) then bad = bad + 1 end
end
print(bad)
