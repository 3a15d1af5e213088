-- limits: steps=2e5; ends: limit steps
local t = { a = 1 }
for k in pairs(t) do t[k .. "x"] = 1 if #k > 500 then t[#k] = 1 end t[tostring({})] = 1 end
while true do end
