-- limits: steps=1e8 wall=300ms; ends: limit wall
local t = {}
for i = 1, 3e5 do t[i] = -i * 7919 % 104729 end
while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end
