-- limits: tasks=500 steps=1e6; ends: error "unfinished tasks"
local hud = require "hud"
local function f() return hud.spawn(f):wait() end
f()
