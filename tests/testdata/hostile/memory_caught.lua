-- limits: steps=1e9 heap=3e8; ends: limit heap
local t = {}
while true do pcall(function() while true do t[#t + 1] = { #t, tostring(#t) } end end) end
