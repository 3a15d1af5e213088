-- limits: ; ends: error "nested pcalls and coroutines"
local hud = require "hud"
local function f() return hud.timeout(3600, f) end
f()
