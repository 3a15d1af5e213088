-- limits: ; ends: ok "0"
local good = 0
for _, n in ipairs { "hud.fs", "hud.http", "hud.env" } do if pcall(require, n) then good = good + 1 end end
local hud = require "hud"
for _, n in ipairs { "fs", "http", "env" } do if pcall(function() return assert(hud[n]) end) then good = good + 1 end end
print(good)
