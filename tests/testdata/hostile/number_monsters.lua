-- limits: string=2e7 steps=5e6; ends: ok "done"
local digits = ("9"):rep(1e6)
for _, s in ipairs { digits, "0x" .. digits, "-" .. digits, digits .. "e" .. digits, "0." .. digits, (" "):rep(1e6) .. "1", "1e" .. digits, "." .. digits } do
	tonumber(s)
	tonumber(s, 16)
	tonumber(s, 36)
	pcall(function() return s + 1 end)
	pcall(math.floor, s)
	pcall(string.rep, "x", s)
end
print("done")
