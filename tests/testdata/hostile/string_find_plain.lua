-- limits: string=2e7 wall=300ms; ends: limit wall
local s = ("a"):rep(8e6)
local p = ("a"):rep(4e6) .. "b"
while true do s:find(p, 1, true) end
