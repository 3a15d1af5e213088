-- limits: string=2e7 steps=1e6; ends: limit steps
-- Each comparison reads sixteen million bytes.
local s, t = ("x"):rep(1.6e7), {}
for i = 1, 20000 do t[i] = s end
table.sort(t)
