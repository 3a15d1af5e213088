-- limits: ; ends: error "nobody waited for it"
local hud = require "hud"
hud.spawn(function() error(setmetatable({}, { __tostring = function() while true do end end })) end)
hud.sleep(0.02)
