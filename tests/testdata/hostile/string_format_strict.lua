-- limits: ; ends: ok "true true true true true ffffffffffffffff 2.0"
local function bad(...) return tostring(not pcall(string.format, ...)) end
print(bad("%d", "x") .. " " .. bad("%d") .. " " .. bad("%d", 1.5) .. " " .. bad("%y", 1) .. " " .. bad("%1000000000d", 1)
	.. " " .. ("%x"):format(-1) .. " " .. ("%.1f"):format("2"))
