-- limits: steps=1e6; ends: error "values on the stack"
local function f(...) return 1 + f(1, ...) end
return f(unpack({}, 1, 1e5))
