-- limits: ; ends: ok "right or refused"
-- Six hundred upvalues of one function.
local src = {}
for level = 1, 4 do
	for i = 1, 150 do src[#src + 1] = ("local v%d_%d = %d "):format(level, i, level * 1000 + i) end
	src[#src + 1] = "return (function() "
end
src[#src + 1] = "local sum = 0 "
for level = 1, 4 do for i = 1, 150 do src[#src + 1] = ("sum = sum + v%d_%d "):format(level, i) end end
src[#src + 1] = "return sum " .. ("end)() "):rep(4)
local f = loadstring(table.concat(src))
local want = (1000 + 2000 + 3000 + 4000) * 150 + 4 * 150 * 151 / 2
print((not f or f() == want) and "right or refused")
