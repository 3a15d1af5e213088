-- limits: ; ends: ok "1000"
local t = {}
for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
table.sort(t, function() return true end)
table.sort(t, function() return false end)
table.sort(t, function(a, b) return a <= b end)
table.sort(t, function(a, b) return math.random() < 0.5 end)
print(#t)
