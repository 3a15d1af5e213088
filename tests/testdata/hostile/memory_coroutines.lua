-- limits: steps=1e9 heap=3e8; ends: limit heap
local t = {}
while true do
	local co = coroutine.wrap(function() local keep = ("x"):rep(1e6) .. #t coroutine.yield(keep) end)
	co()
	t[#t + 1] = co
end
