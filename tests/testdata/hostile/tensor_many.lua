-- limits: tensor=1e7; ends: error "tensor"
local T = require("hud").tensor
local t = {}
while true do t[#t + 1] = T.ones(1000) end
