-- limits: ; ends: ok "false"
local hud = require "hud"
local x = hud.tensor { 1 }
local mt = getmetatable(x)
print(type(mt) == "table" and pcall(rawset, mt, "__index", nil))
