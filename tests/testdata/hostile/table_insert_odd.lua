-- limits: ; ends: ok "7"
local bad = 0
for _, p in ipairs { 0, -1, 1e300, -1e300, 0 / 0, 2 ^ 53, 3 } do
	if not pcall(table.insert, { 1 }, p, 1) then bad = bad + 1 end
end
print(bad)
