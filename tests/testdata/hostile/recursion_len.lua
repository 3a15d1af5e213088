-- limits: ; ends: error "call depth"
local mt = {}
mt.__len = function(t) return 1 + #t end
return #setmetatable({}, mt)
