-- limits: ; ends: ok "false"
local list = {}
for i = 1, 400 do list[i] = pcall end
list[401] = error
print((pcall(pcall, unpack(list)) == true and "false"))
