-- limits: coroutines=100; ends: error "live coroutines: used 101 of 100"
local t = {}
for i = 1, 1e6 do t[i] = coroutine.create(function() end) end
