-- limits: steps=1e8 wall=300ms tensor=1e9; ends: limit wall
local T = require("hud").tensor
while true do T.randn(100000000) end
