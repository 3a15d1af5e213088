-- limits: steps=1e9 heap=3e8; ends: limit heap
local fs = {}
while true do
	local a, b, c, d = {}, {}, {}, {}
	fs[#fs + 1] = function() return a, b, c, d end
end
