-- limits: depth=4000; ends: ok "done"
local function down(n)
	if n > 0 then
		table.sort({ 2, 1 }, function(a, b) down(n - 1) return a < b end)
		return
	end
	pcall(function() down(1900) end)
end
pcall(down, 600)
print("done")
