-- limits: wall=150ms; ends: limit wall
local hud = require "hud"
while true do hud.sleep(0) end
