-- limits: steps=1e5; ends: limit steps
local s = "x"
while true do pcall(function() s = s .. s end) end
