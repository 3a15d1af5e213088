-- limits: ; ends: ok "done"
local t = {}
for i = 1, 200 do t[i] = -i end
pcall(table.sort, t, function(a, b) for i = 1, 10 do table.remove(t) end return a < b end)
print("done")
