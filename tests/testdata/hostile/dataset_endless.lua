-- limits: steps=1e9 wall=300ms; ends: limit wall
local list = {}
for i = 1, 1000 do list[i] = i end
local batches = require("hud").dataset(list, { shuffle = true }):batches(1, { steps = 2 ^ 52 })
while batches() do end
