-- limits: tasks=500; ends: error "unfinished tasks: used 501 of 500"
local hud = require "hud"
for i = 1, 1e6 do hud.spawn(function() hud.sleep(3600) end) end
