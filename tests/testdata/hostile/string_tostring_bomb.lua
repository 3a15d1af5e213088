-- limits: steps=1e5; ends: error "string size"
local t = setmetatable({}, { __tostring = function() return ("x"):rep(2 ^ 20) end })
print(t, t, t)
