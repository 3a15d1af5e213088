-- limits: steps=1e8 wall=300ms; ends: limit wall
local t = {}
local n = 0
while true do
	n = n + 1
	local k = "k" .. n
	t[k] = true
	t[k] = nil
	if n % 1000 == 0 then next(t) end
end
