-- limits: steps=1e8 wall=300ms; ends: limit wall
local T = require("hud").tensor
local a = T.rand(500, 500)
while true do a = a:matmul(a) a:sum():item() end
