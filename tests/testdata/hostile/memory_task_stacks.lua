-- limits: tasks=900 heap=3e8; ends: limit heap
-- Goroutine stacks are memory, too.
local hud = require "hud"
local mt = { __index = function(t, k) if k > 0 then return t[k - 1] end hud.sleep(3600) end }
for i = 1, 800 do hud.spawn(function() return setmetatable({}, mt)[900] end) end
hud.sleep(3600)
