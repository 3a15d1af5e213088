-- limits: steps=1e9 string=2e7 heap=3e8; ends: limit heap
local t = {}
while true do t[#t + 1] = ("x"):rep(1e6) .. #t end
