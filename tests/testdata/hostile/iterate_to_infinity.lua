-- limits: steps=1e5; ends: limit steps
for i = 1, 1 / 0 do end
