-- limits: steps=1e5; ends: limit steps
local T = require("hud").tensor
T.gradcheck(function(x) while true do end end, { T.ones(2):requires_grad_() })
