-- limits: ; ends: ok "0"
local n = 0
for i = 0 / 0, 1 do n = n + 1 if n > 100 then break end end
for i = 1, 0 / 0 do n = n + 1 if n > 100 then break end end
print(n)
