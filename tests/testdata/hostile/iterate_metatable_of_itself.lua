-- limits: ; ends: error "call"
local t = {}
t.__index = function(_, k) return t[k] end
t.__call = t
setmetatable(t, t)
pcall(function() return t.x end)
t()
