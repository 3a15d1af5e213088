-- limits: ; ends: error "string size"
local mt = { __concat = function(a, b) return ("x"):rep(2 ^ 20) end }
return "y" .. ("z" .. setmetatable({}, mt))
