-- limits: steps=1e8 wall=500ms table=2e7; ends: limit wall
local t = {}
for i = 1, 1e6 do t[i] = i end
while true do
	for i = 1, 100 do table.insert(t, 1, i) end
	for i = 1, 100 do table.remove(t, 1) end
end
