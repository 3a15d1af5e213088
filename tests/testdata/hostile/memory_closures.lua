-- limits: steps=1e9 heap=3e8; ends: limit heap
local f = function() end
while true do local g, s = f, { 1, 2, 3, 4, 5, 6, 7, 8 } f = function() return g, s end end
