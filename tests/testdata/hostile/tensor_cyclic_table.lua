-- limits: ; ends: error "tensor"
local hud = require "hud"
local t = {}
t[1] = t
hud.tensor(t)
