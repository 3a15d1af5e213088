-- limits: steps=1e9 heap=3e8; ends: limit heap
local head
while true do head = { head } end
