-- limits: ; ends: ok "150000"
local t = { unpack({}, 1, 1) }
for i = 1, 1.5e5 do t[i] = i end
print(#{ unpack(t) })
