-- limits: ; ends: ok "done"
local mt = {}
mt.__index = function(t, k)
	if k > 0 then return t[k - 1] end
	return coroutine.wrap(function() return t[900] end)()
end
pcall(function() return setmetatable({}, mt)[900] end)
print("done")
