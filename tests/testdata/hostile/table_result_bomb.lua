-- limits: steps=1e6; ends: limit steps
-- Small, and without end for whoever copies it out.
local t = {}
for i = 1, 190 do t = { t, t } end
return t
