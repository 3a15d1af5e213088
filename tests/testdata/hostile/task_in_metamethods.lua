-- limits: ; ends: ok "30"
local hud = require "hud"
local mt = { __add = function(a, b) return hud.spawn(function() hud.sleep(0) return 10 end):wait() end }
local t = setmetatable({}, mt)
print((t + 1) + (t + 2) + (t + 3))
