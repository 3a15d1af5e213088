-- limits: steps=1e7 wall=1s; ends: limit wall
local T = require("hud").tensor
local x = T.ones(1):requires_grad_()
local y = x
while true do y = y + 1 end
