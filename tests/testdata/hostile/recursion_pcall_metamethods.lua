-- limits: ; ends: ok "done"
-- Every level of pcall holds as many metamethods as a thread may: the Go stack
-- must not run out.
local mt = {}
local depth = 0
mt.__index = function(t, k)
	if k > 0 then return t[k - 1] end
	depth = depth + 1
	return pcall(function() return t[900] end) and 1
end
local t = setmetatable({}, mt)
pcall(function() return t[900] end)
print("done")
