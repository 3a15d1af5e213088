-- limits: ; ends: error "deadlock"
local hud = require "hud"
local t
t = hud.spawn(function() t:wait() end)
t:wait()
