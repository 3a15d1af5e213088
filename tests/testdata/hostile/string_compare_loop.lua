-- limits: string=2e7 wall=300ms; ends: limit wall
local a, b = ("x"):rep(1.6e7), ("x"):rep(1.6e7)
while a <= b do end
