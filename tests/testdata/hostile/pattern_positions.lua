-- limits: ; ends: ok "true"
for _, n in ipairs { 0, -1, 1e300, -1e300, 0 / 0, 1 / 0, -1 / 0, 2 ^ 31, 2 ^ 53, -2 ^ 53, 2 ^ 63, -2 ^ 63 } do
	pcall(string.find, "abc", "b", n)
	pcall(string.match, "abc", "()", n)
	pcall(string.sub, "abc", n, n)
	pcall(string.sub, "abc", n)
	pcall(string.byte, "abc", n, n)
	pcall(string.rep, "", n)
	pcall(string.gsub, "abc", "b", "c", n)
end
print(true)
