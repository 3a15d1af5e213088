-- limits: ; ends: error "loop"
local a, b = {}, {}
setmetatable(a, { __index = b, __newindex = b })
setmetatable(b, { __index = a, __newindex = a })
pcall(function() a.x = 1 end)
local ok, e = pcall(function() return a.x end)
error(ok and "loop: it ended" or "loop: " .. e)
