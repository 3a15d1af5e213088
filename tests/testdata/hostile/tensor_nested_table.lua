-- limits: ; ends: error "tensor"
-- A thousand million elements in three thousand values.
local hud = require "hud"
local t = {}
for i = 1, 1000 do t[i] = 1 end
local u, v = {}, {}
for i = 1, 1000 do u[i] = t end
for i = 1, 1000 do v[i] = u end
hud.tensor(v)
