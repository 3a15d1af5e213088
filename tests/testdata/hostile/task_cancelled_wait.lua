-- limits: ; ends: ok "canceled canceled"
local hud = require "hud"
local a = hud.spawn(function() hud.sleep(3600) end)
local b = hud.spawn(function() a:wait() end)
hud.sleep(0)
a:cancel()
local _, e = pcall(a.wait, a)
local _, f = pcall(b.wait, b)
print(e.code .. " " .. f.code)
