-- limits: ; ends: ok "20"
local hud = require "hud"
local n = 0
hud.map({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 }, function() if not pcall(require, "nothing") then n = n + 1 end end)
print(n)
