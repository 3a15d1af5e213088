-- limits: steps=1e8 wall=300ms; ends: limit wall
local t = {}
while true do table.insert(t, 1, 1) end
