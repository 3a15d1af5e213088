-- limits: depth=2000; ends: ok "done"
-- Every level of pcall holds as many calls through Go as a thread may: the Go
-- stack must not run out.
local function down(n)
	if n > 0 then return (("x"):gsub("x", function() return down(n - 1) end)) end
	pcall(function() return down(900) end)
	return "x"
end
pcall(down, 900)
print("done")
