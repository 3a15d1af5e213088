-- limits: ; ends: error "contains itself"
local t = {}
t[1] = t
return t
