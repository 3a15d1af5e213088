-- limits: ; ends: error "deadlock"
local hud = require "hud"
local ring = {}
for i = 1, 50 do ring[i] = hud.spawn(function() hud.sleep(0) ring[i % 50 + 1]:wait() end) end
ring[1]:wait()
