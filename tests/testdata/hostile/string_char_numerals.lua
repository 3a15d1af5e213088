-- limits: string=2e7 steps=1e6; ends: limit steps
-- A number of sixteen million digits, parsed two hundred thousand times.
local s, t = ("1"):rep(1.6e7), {}
for i = 1, 1e5 do t[i] = s end
while true do pcall(string.char, unpack(t)) end
