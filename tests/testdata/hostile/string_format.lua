-- limits: ; ends: error "string size"
local s = ("x"):rep(2 ^ 19)
return ("%s%s%s"):format(s, s, s)
