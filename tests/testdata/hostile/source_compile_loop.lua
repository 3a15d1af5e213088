-- limits: steps=1e8 wall=500ms; ends: limit wall
local src = ("x=1 "):rep(2.5e5)
while true do loadstring(src) end
