-- limits: ; ends: error "far beyond length 3"
local t = { 1, 2, 3 }
t[4000000] = 1
