-- limits: ; ends: ok "nil"
local t = {}
for i = 1, 2e4 do t[i] = "goto l" .. i .. " ::l" .. i .. "::" end
print((loadstring(table.concat(t, " "))))
