-- limits: ; ends: ok "0"
local T = require("hud").tensor
local good = 0
for _, s in ipairs { { 2 ^ 32, 2 ^ 32 }, { 2 ^ 31, 2 ^ 31, 4 }, { 2 ^ 53 }, { 2 ^ 62, 2 }, { -1 }, { 0.5 }, { 0 / 0 }, { 1 / 0 }, { 2 ^ 21, 2 ^ 21, 2 ^ 21, 2 } } do
	if pcall(T.zeros, unpack(s)) then good = good + 1 end
	if pcall(T.rand, unpack(s)) then good = good + 1 end
	if pcall(T.full, s, 1) then good = good + 1 end
end
print(good)
