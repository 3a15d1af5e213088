-- limits: steps=1e5; ends: limit steps
local hud = require "hud"
hud.spawn(function() while true do end end)
hud.sleep(3600)
