-- limits: ; ends: error "nested pcalls and coroutines"
local w = coroutine.wrap(function() while true do coroutine.yield(1) end end)
for i = 1, 200 do
	local inner = w
	w = coroutine.wrap(function() while true do coroutine.yield(inner()) end end)
end
w()
