-- limits: ; ends: ok "true"
local T = require("hud").tensor
print(#tostring(T.zeros(1000, 1000)) < 1e5)
