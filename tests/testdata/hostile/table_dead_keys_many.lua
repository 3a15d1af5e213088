-- limits: steps=1e8 wall=1s; ends: limit wall
local t = {}
for i = 1, 4e5 do t["k" .. i] = i end
for i = 1, 4e5 do t["k" .. i] = nil end
while true do
	next(t)
	for _ in pairs(t) do end
	table.maxn(t)
end
