-- limits: ; ends: error "nest deeper"
local t = {}
for i = 1, 1e5 do t = { t } end
return t
