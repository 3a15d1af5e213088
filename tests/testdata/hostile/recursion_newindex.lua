-- limits: ; ends: error "call depth"
local mt = {}
mt.__newindex = function(t, k, v) t[k] = v end
setmetatable({}, mt).x = 1
