-- limits: ; ends: error "deadlock"
local hud = require "hud"
local a
a = hud.spawn(function() hud.sleep(0) hud.map({ 1, 2, 3 }, function() a:wait() end) end)
a:wait()
