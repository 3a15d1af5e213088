-- limits: steps=1e6; ends: ok "timeout"
local hud = require "hud"
local ok, e = pcall(hud.timeout, 0, function() while true do end end)
print(e.code)
