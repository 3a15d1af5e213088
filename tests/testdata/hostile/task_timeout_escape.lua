-- limits: steps=1e5; ends: limit steps
local hud = require "hud"
local co
pcall(hud.timeout, 0.001, function()
	co = coroutine.wrap(function() coroutine.yield() while true do end end)
	co()
	hud.sleep(3600)
end)
co()
