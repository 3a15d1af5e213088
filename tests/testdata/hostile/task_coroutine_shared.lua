-- limits: ; ends: ok "ok"
local hud = require "hud"
local co = coroutine.wrap(function() while true do hud.sleep(0) coroutine.yield(1) end end)
hud.map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function() for i = 1, 20 do pcall(co) end end)
print("ok")
