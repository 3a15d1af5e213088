-- limits: ; ends: ok "8"
local bad = 0
for _, r in ipairs { { 0 }, { -1 }, { 5, 1 }, { 0 / 0 }, { 1 / 0 }, { -1 / 0, 1 / 0 }, { -2 ^ 53, 2 ^ 53 }, { 1, 2, 3 } } do
	if not pcall(math.random, unpack(r)) then bad = bad + 1 end
end
print(bad)
