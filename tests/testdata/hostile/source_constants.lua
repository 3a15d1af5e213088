-- limits: ; ends: ok "nil"
local t = {}
for i = 1, 5e4 do t[i] = i + 0.5 end
print((loadstring("return {" .. table.concat(t, ",") .. "}")))
