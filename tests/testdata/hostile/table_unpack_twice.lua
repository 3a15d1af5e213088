-- limits: ; ends: error "values on the stack"
local t = {}
for i = 1, 2e5 do t[i] = i end
local function f(...) return select("#", ...) + select("#", unpack(t)) end
return f(unpack(t))
