-- limits: ; ends: error "far beyond"
local t = setmetatable({}, { __newindex = {} })
local k = 4e6
t[k] = 1
