-- limits: tensor=1e7 wall=5s; ends: error "tensor"
-- A graph that keeps growing.
local T = require("hud").tensor
local x = T.ones(1000):requires_grad_()
local keep = {}
while true do x = x * 1.0001 + x keep[#keep + 1] = x:sum():item() end
