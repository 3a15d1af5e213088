-- limits: string=2e7 wall=300ms; ends: limit wall
local a = ("x"):rep(1.6e7)
while true do a = a:upper():lower():reverse() end
