-- limits: tasks=200 wall=300ms; ends: limit wall
local hud = require "hud"
local function f() while true do pcall(hud.spawn, f) hud.sleep(0) end end
f()
