-- limits: ; ends: error "call depth"
local mt = {}
mt.__eq = function(a, b) return not (a == b) end
return setmetatable({}, mt) == setmetatable({}, mt)
