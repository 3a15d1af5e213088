-- limits: steps=1e6; ends: error "an error value of type table was raised"
local t = {}
for i = 1, 1e5 do t = { t } end
error(t)
