-- limits: steps=1e6; ends: error "overflow"
local function f(...) return 1 + f(1, ...) end
return f(unpack({}, 1, 1e5))
