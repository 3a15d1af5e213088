-- limits: ; ends: error "call depth"
local mt = {}
mt.__call = function(self) return 1 + self() end
return setmetatable({}, mt)()
