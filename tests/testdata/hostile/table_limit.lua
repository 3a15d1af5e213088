-- limits: steps=1e7 table=1.5e6; ends: error "table size: used 1500001 of 1500000"
local t = {}
for i = 1, 3e6 do t[i] = true end
