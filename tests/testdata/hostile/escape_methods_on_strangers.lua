-- limits: steps=2e6; ends: ok "done"
-- Every function that can be reached, called with what it does not expect.
local hud = require "hud"
local _, e = pcall(string.rep)
local odd = { 0 / 0, -1, 1e300, "", {}, type, e, hud.tensor { 1 }, coroutine.create(function() end), true }
local skip = { [os.exit] = true, [coroutine.yield] = true, [hud.sleep] = true, [hud.timeout] = true, [print] = true, [hud.test.describe] = true, [hud.test.it] = true, [rawset] = true, [setmetatable] = true, [pcall] = true, [xpcall] = true, [table.insert] = true }
local seen = {}
local function walk(t, depth)
	if seen[t] or depth > 3 then return end
	seen[t] = true
	local fns = {}
	for _, v in pairs(t) do
		if type(v) == "function" and not skip[v] then fns[#fns + 1] = v elseif type(v) == "table" and t ~= odd then walk(v, depth + 1) end
	end
	for _, f in ipairs(fns) do
		pcall(f)
		for i, a in ipairs(odd) do pcall(f, a) pcall(f, a, odd[i % #odd + 1], odd[(i + 3) % #odd + 1]) end
	end
end
seen[hud.test], seen[hud.log], seen[hud.plot] = true, true, true
walk(hud, 0)
for _, lib in ipairs { string, table, math, coroutine } do walk(lib, 2) end
print("done")
