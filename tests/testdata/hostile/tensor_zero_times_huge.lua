-- limits: ; ends: ok "done"
local T = require("hud").tensor
pcall(T.zeros, 0, 2 ^ 62, 2 ^ 62)
pcall(function() return T.zeros(0):expand(2 ^ 62, 0) end)
pcall(function() return T.ones(1):expand(2 ^ 31, 2 ^ 31) end)
print("done")
