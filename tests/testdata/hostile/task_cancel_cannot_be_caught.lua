-- limits: ; ends: ok "canceled"
local hud = require "hud"
local function stubborn() while true do pcall(stubborn) pcall(hud.sleep, 3600) end end
local t = hud.spawn(function() xpcall(stubborn, stubborn) end)
hud.sleep(0.01)
t:cancel()
local _, e = pcall(t.wait, t)
print(e.code)
