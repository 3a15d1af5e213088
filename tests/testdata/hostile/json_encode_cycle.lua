-- limits: ; ends: error "encode"
local t = {}
t[1] = t
require("hud").json.encode(t)
