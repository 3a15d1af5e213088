-- limits: ; ends: ok "0"
local T = require("hud").tensor
local x = T.ones(4)
local good = 0
for _, s in ipairs { { 2 ^ 32, 2 ^ 32 }, { -1, -1 }, { -2 }, { 3 }, { 2 ^ 62, 4 }, { 0, -1 }, { 0.5, 8 }, { 0 / 0 } } do
	if pcall(x.reshape, x, unpack(s)) then good = good + 1 end
end
print(good)
