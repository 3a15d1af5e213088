-- limits: steps=1e9 wall=500ms; ends: limit wall
local hud, list = require "hud", {}
for i = 1, 3e5 do list[i] = i end
local data = hud.dataset(list, { shuffle = true })
while true do hud.dataset(list):batches(1):next() data:batches(3e5):next() end
