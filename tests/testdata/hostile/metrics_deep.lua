-- limits: ; ends: error "got a name of 257 bytes"
local t = { x = 1 }
for _ = 1, 1e5 do t = { t = t } end
require("hud").metrics.run():log { step = 1, t = t }
