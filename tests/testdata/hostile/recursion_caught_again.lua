-- limits: steps=2e6; ends: limit steps
local function f() return 1 + f() end
while true do pcall(f) end
