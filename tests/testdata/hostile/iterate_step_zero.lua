-- limits: steps=1e5; ends: limit steps
for i = 1, 2, 0 do if i > 3 then break end end
while true do end
