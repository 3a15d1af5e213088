-- limits: ; ends: ok "200000"
local t = {}
for i = 1, 2e5 do t[i] = i % 256 end
print(#string.char(unpack(t)))
