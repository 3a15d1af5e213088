-- limits: steps=1e5; ends: limit steps
local function f(n) return f(n + 1) end
return f(1)
