-- limits: ; ends: ok "3"
local t = { 1, 2, 3 }
for _, p in ipairs { 0, -1, 1e300, -1e300, 0 / 0, 2 ^ 53, 5, 1 / 0 } do table.remove(t, p) end
print(#t)
