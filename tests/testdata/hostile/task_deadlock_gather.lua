-- limits: ; ends: error "deadlock"
local hud = require "hud"
local a
a = hud.spawn(function() hud.sleep(0) hud.gather { function() return 1 end, function() a:wait() end } end)
a:wait()
