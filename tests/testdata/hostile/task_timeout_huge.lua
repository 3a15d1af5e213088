-- limits: ; ends: ok "1 2 3"
local hud = require "hud"
local a = hud.timeout(1 / 0, function() return 1 end)
local b = hud.timeout(1e308, function() return 2 end)
local c = hud.timeout(2 ^ 63, function() return 3 end)
print(a .. " " .. b .. " " .. c)
