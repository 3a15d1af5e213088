-- limits: steps=1e6; ends: ok "deadlock"
local hud = require "hud"
local a, b
a = hud.spawn(function() hud.sleep(0) local ok, e = pcall(b.wait, b) error(e, 0) end)
b = hud.spawn(function() return a:wait() end)
local ok, e = pcall(b.wait, b)
print(tostring(e):match("deadlock"))
