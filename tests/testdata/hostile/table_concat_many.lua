-- limits: steps=3e6; ends: ok "300000"
local t = {}
for i = 1, 3e5 do t[i] = "x" end
print(#table.concat(t))
