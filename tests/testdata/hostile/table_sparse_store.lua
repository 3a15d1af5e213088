-- limits: ; ends: error "table size: used 50000000 of 4194304"
local t, k = { 1, 2, 3 }, 5e7
t[k] = 1
