-- limits: steps=1e8 wall=300ms; ends: limit wall
local T = require("hud").tensor
local x = T.rand(1e6)
while true do x = x:cumsum(1):softmax(1) x:max():item() end
