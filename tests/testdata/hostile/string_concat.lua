-- limits: ; ends: error "string size"
local s, t = ("x"):rep(2 ^ 19), {}
for i = 1, 20 do t[i] = s end
return table.concat(t)
