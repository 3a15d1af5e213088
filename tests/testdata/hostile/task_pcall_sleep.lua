-- limits: wall=100ms; ends: limit wall
local hud = require "hud"
while true do pcall(hud.sleep, 3600) end
