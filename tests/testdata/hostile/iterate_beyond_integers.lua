-- limits: steps=1e5; ends: limit steps
for i = 2 ^ 53, 2 ^ 53 + 10 do end
while true do end
