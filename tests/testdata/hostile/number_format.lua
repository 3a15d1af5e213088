-- limits: ; ends: ok "done"
local odd = { 0, -0, 1 / 0, -1 / 0, 0 / 0, 2 ^ 53, 2 ^ 63, -2 ^ 63, 1e308, 0.1, "x", "1", "0x10", {}, print, true }
for c = 0, 255 do
	for _, flags in ipairs { "", "-", "+", " ", "#", "0", "-+ #0", "99.99", "100", ".", ".99", ".100", "0099", "*", "-+ #0-+ #0", "1e9" } do
		pcall(string.format, "%" .. flags .. string.char(c), 1)
	end
	for _, v in ipairs(odd) do pcall(string.format, "%" .. string.char(c), v) end
	pcall(string.format, "%" .. string.char(c))
end
print("done")
