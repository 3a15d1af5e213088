-- limits: ; ends: error "gather: item 1: got table, want function or task"
local hud = require "hud"
local t = {}
t[1] = t
hud.gather(t)
