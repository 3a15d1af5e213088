-- limits: ; ends: error "deadlock"
local hud = require "hud"
local a, b
a = hud.spawn(function() hud.sleep(0) b:wait() end)
b = hud.spawn(function() a:wait() end)
a:wait()
