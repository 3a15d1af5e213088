-- limits: steps=1e9; ends: ok "timeout"
local hud = require "hud"
local ok, e = pcall(hud.timeout, 0.01, function() while true do pcall(function() while true do end end) end end)
print(e.code)
