-- limits: ; ends: ok "false"
local hud = require "hud"
local co = coroutine.create(function() hud.sleep(3600) end)
local t = hud.spawn(function() coroutine.resume(co) end)
hud.sleep(0.01)
print((coroutine.resume(co)))
