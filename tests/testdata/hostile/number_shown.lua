-- limits: ; ends: ok "nan inf -inf 0.3 9.007199254741e+15 1e+15 100000"
local out = {}
for i, v in ipairs { 0 / 0, 1 / 0, -1 / 0, 0.1 + 0.2, 2 ^ 53, 1e15, 1e5 } do out[i] = tostring(v):gsub("^%-nan$", "nan") end
print(table.concat(out, " "))
