-- limits: ; ends: ok "done"
local odd = { 0, -0, 1 / 0, -1 / 0, 0 / 0, 2 ^ 53, 2 ^ 63, 2 ^ 64, -2 ^ 63, 1e308, 5e-324, 0.1 }
for _, a in ipairs(odd) do
	for _, b in ipairs(odd) do
		local _ = a + b, a - b, a * b, a / b, a % b, a ^ b, a < b, a <= b, a == b
		for _, f in pairs(math) do if type(f) == "function" then pcall(f, a, b) end end
		local _ = tostring(a) .. tostring(b)
	end
end
print("done")
