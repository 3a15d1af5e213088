-- limits: depth=4000; ends: ok "done"
local function down(n)
	if n > 0 then
		load(function() down(n - 1) return nil end)
		return
	end
	pcall(function() down(1900) end)
end
pcall(down, 1900)
print("done")
