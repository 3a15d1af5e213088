-- limits: ; ends: ok "1 2 3 4 5 6 7 8 9 10"
local function gen(n)
	return coroutine.wrap(function()
		if n > 1 then for v in gen(n - 1) do coroutine.yield(v) end end
		coroutine.yield(n)
	end)
end
local out = {}
for v in gen(10) do out[#out + 1] = v end
print(table.concat(out, " "))
