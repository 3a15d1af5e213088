-- limits: ; ends: ok "0"
local hud = require "hud"
local t = hud.spawn(function() end)
local good = 0
for _, v in ipairs { 1, "x", {}, print, hud, (select(2, pcall(error))) or 0 } do
	if pcall(t.wait, v) or pcall(t.cancel, v) then good = good + 1 end
end
print(good)
