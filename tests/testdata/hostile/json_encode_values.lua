-- limits: ; ends: ok "0"
local hud = require "hud"
local good = 0
for _, v in ipairs { print, coroutine.create(function() end), 0 / 0, 1 / 0, -1 / 0, { [0.5] = 1 }, { [{}] = 1 }, { 1, x = 2 }, "\255", { print }, hud } do
	if pcall(hud.json.encode, v) then good = good + 1 end
end
print(good)
