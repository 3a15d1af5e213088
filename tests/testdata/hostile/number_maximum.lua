-- limits: string=2e7 steps=1e6; ends: limit steps
local s, t = ("1"):rep(1.6e7), {}
for i = 1, 1e5 do t[i] = s end
return math.max(unpack(t))
