-- limits: tasks=900; ends: error "more tasks failed, and nobody waited"
local hud = require "hud"
for i = 1, 800 do hud.spawn(function() error("no " .. i) end) end
hud.sleep(0.1)
