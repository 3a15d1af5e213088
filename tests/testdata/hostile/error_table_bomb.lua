-- limits: steps=1e5; ends: error "an error value of type table was raised"
-- Small, and without end for whoever copies it out.
local t = {}
for i = 1, 190 do t = { t, t } end
error(t)
