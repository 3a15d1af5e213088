-- limits: ; ends: error "encode"
local t = { 1, 2 }
t[1000000] = 3
t[1000001] = 3
require("hud").json.encode({ t, t, t, t, t, t, t, t })
