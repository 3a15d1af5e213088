-- limits: ; ends: error "string size"
local t, s = {}, ("x"):rep(1e5)
for i = 1, 100 do t[i] = s end
require("hud").json.encode(t)
