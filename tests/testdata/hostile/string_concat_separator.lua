-- limits: ; ends: error "string size"
local t = {}
for i = 1, 20 do t[i] = "" end
return table.concat(t, ("x"):rep(2 ^ 18))
