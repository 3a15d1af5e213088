-- limits: steps=1e5; ends: limit steps
local mt = {}
mt.__concat = function(a, b) while true do end end
local t = setmetatable({}, mt)
return t .. t .. t
