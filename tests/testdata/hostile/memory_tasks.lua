-- limits: tasks=900 heap=3e8; ends: limit heap
local hud = require "hud"
for i = 1, 800 do hud.spawn(function() local keep = ("x"):rep(1e6) .. i hud.sleep(3600) return keep end) end
hud.sleep(3600)
