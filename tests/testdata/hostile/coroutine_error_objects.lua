-- limits: steps=1e6; ends: ok "500"
local n = 0
for i = 1, 500 do
	local e = setmetatable({}, { __tostring = function() error("again") end })
	local ok, got = coroutine.resume(coroutine.create(function() error(e) end))
	if got == e then n = n + 1 end
end
print(n)
