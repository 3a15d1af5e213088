-- limits: steps=1e8 wall=400ms tensor=1e9; ends: limit wall
local T = require("hud").tensor
local a = T.zeros(5000, 5000)
while true do a:matmul(a) end
