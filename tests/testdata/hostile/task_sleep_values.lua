-- limits: ; ends: ok "8"
local hud = require "hud"
local bad = 0
for _, v in ipairs { -1, 0 / 0, -1 / 0, "1", {}, true, print, -1e300 } do
	if not pcall(hud.sleep, v) then bad = bad + 1 end
end
print(bad)
