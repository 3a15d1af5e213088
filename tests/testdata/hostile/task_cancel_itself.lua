-- limits: ; ends: ok "canceled"
local hud = require "hud"
local t
t = hud.spawn(function() t:cancel() while true do pcall(hud.sleep, 1) end end)
local _, e = pcall(t.wait, t)
print(e.code)
