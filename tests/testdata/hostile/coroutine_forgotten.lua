-- limits: ; ends: ok "600"
local n = 0
for i = 1, 600 do
	local co = coroutine.wrap(function() coroutine.yield() end)
	co()
	n = n + 1
end
print(n)
