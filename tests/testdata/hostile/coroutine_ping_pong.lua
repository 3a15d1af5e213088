-- limits: steps=1e5; ends: limit steps
local a = coroutine.create(function() while true do coroutine.yield() end end)
while true do coroutine.resume(a) end
