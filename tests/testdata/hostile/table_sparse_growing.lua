-- limits: steps=1e9 heap=3e8; ends: limit heap
-- Just what a table may skip, again and again.
local keep = {}
for i = 1, 1e6 do
	local t = {}
	t[2 ^ 20] = 1
	keep[i] = t
end
