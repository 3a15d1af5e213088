-- limits: ; ends: error "call depth"
local mt = {}
mt.__concat = function(a, b) return b .. a .. b end
return setmetatable({}, mt) .. setmetatable({}, mt)
