-- limits: tasks=100; ends: ok "5000"
local hud = require "hud"
local list = {}
for i = 1, 5000 do list[i] = i end
print(#hud.map(list, function(x) hud.sleep(0) return x end))
