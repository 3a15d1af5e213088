-- limits: ; ends: ok "nil number boolean table function thread"
local out = {}
for _, f in ipairs { function() error(nil) end, function() error(1) end, function() error(false) end, function() error({}) end,
	function() error(print) end, function() error(coroutine.create(function() end)) end } do
	out[#out + 1] = type(select(2, pcall(f)))
end
print(table.concat(out, " "))
