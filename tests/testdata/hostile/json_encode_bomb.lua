-- limits: steps=1e7; ends: error "encode"
local t = {}
for i = 1, 100 do t = { t, t } end
require("hud").json.encode(t)
