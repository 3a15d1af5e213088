-- limits: ; ends: ok "true"
local _, e = loadstring("x = '" .. ("y"):rep(9e5))
print(#e < 1000)
