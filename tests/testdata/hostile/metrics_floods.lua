-- limits: steps=1e9 wall=300ms; ends: limit wall
local run = require("hud").metrics.run("m", { every = 0 })
local step = 0
while true do
	step = step + 1
	run:log { step = step, a = step, b = { c = 0 / 0 } }
end
