-- limits: ; ends: error "the table holds itself"
local t = {}
t.t = { t = t }
require("hud").metrics.run():log { step = 1, t = t }
