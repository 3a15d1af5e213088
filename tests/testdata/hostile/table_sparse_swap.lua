-- limits: ; ends: error "far beyond"
local t, k = {}, 4e6
t[k], t[1] = 1, 2
