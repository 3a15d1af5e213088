-- limits: tasks=100 steps=1e5; ends: limit steps
local hud = require "hud"
while true do pcall(hud.spawn, hud.sleep, 3600) end
