-- limits: wall=5s steps=1e7; ends: limit wall
local T = require("hud").tensor
local x = T.zeros(4e6)
while true do x:tolist() end
