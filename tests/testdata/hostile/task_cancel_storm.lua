-- limits: tasks=600; ends: ok "500"
local hud = require "hud"
local t, n = {}, 0
for i = 1, 500 do t[i] = hud.spawn(function() if i > 1 then t[i - 1]:cancel() end hud.sleep(3600) end) end
hud.sleep(0.02)
t[500]:cancel()
for i = 1, 500 do if not pcall(t[i].wait, t[i]) then n = n + 1 end end
print(n)
