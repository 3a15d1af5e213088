-- limits: ; ends: ok "done"
for _, s in ipairs { "1e999999999", "0x" .. ("f"):rep(1e5), ("9"):rep(1e5), "." .. ("0"):rep(1e5) .. "1", "1e-999999999", "1e", "0x", "1..2", "1.2.3", "3e+", "08", "0b1" } do
	local f = loadstring("return " .. s)
	if f then pcall(f) end
end
print("done")
