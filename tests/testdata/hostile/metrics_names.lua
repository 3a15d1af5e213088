-- limits: ; ends: error "got more than 1000 different names"
local run = require("hud").metrics.run("m", { every = 0 })
for i = 1, 1e9 do run:log { step = i, ["n" .. i] = 1 } end
