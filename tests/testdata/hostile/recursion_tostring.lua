-- limits: ; ends: error "call depth"
local mt = {}
mt.__tostring = function(t) return "x" .. tostring(t) end
return tostring(setmetatable({}, mt))
