-- limits: ; ends: ok "true"
local ok = true
for _, r in ipairs { { 1, 1 }, { 2 ^ 53 - 1, 2 ^ 53 }, { -2 ^ 53, -2 ^ 53 }, { 0, 2 ^ 52 }, { 1.5, 2.5 } } do
	local v = math.random(unpack(r))
	ok = ok and v >= math.floor(r[1]) and v <= r[2]
end
for _, s in ipairs { 0, -1, 1e300, -1e300, 2 ^ 63, 0.1 } do math.randomseed(s) math.random() end
ok = ok and not pcall(math.randomseed, 0 / 0) and not pcall(math.randomseed, 1 / 0) and not pcall(math.randomseed, {})
print(ok)
