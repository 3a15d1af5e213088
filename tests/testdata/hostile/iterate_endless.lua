-- limits: steps=1e5; ends: limit steps
for _ in function() return 1 end do end
