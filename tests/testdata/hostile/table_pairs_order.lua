-- limits: ; ends: ok "z a 7.5 m z2"
local t = { z = 1 }
t.a = 2 t.gone = 3 t[7.5] = 4 t.m = 5 t.gone = nil t.z2 = 6
local out = {}
for k in pairs(t) do out[#out + 1] = tostring(k) end
print(table.concat(out, " "))
