-- limits: depth=4000 steps=1e6; ends: ok "done"
local mt = {}
local n = 1900
mt.__tostring = function(t)
	n = n - 1
	if n > 0 then return "x" .. tostring(t) end
	n = 1900
	pcall(tostring, t)
	return "end"
end
pcall(tostring, setmetatable({}, mt))
print("done")
