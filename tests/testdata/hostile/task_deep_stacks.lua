-- limits: tasks=300 wall=2s; ends: limit wall
-- Each task sleeps under metamethods as deep as they go.
local hud = require "hud"
local mt = { __index = function(t, k) if k > 0 then return t[k - 1] end hud.sleep(3600) end }
for i = 1, 250 do hud.spawn(function() return setmetatable({}, mt)[900] end) end
hud.sleep(3600)
