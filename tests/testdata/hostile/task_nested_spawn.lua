-- limits: tasks=1000 steps=1e6; ends: ok "900"
local hud = require "hud"
local function down(n) if n == 0 then return 0 end return 1 + hud.spawn(down, n - 1):wait() end
print(down(900))
