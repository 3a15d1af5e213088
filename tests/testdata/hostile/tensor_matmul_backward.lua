-- limits: steps=1e8 wall=600ms tensor=1e9; ends: limit wall
local T = require("hud").tensor
local x = T.zeros(40, 6000):requires_grad_()
local w = T.zeros(6000, 6000):requires_grad_()
while true do x:matmul(w):sum():backward() end
