-- limits: wall=300ms; ends: limit wall
local function f(...) return f(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...) end
return f(unpack({}, 1, 1e5))
