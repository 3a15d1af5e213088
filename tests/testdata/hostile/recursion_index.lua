-- limits: ; ends: error "call depth"
local mt = {}
mt.__index = function(t, k) return t[k] + 1 end
return setmetatable({}, mt).x
