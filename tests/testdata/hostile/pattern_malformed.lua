-- limits: ; ends: ok "refused all"
local fine = ""
for _, p in ipairs { "[", "[^", "[]", "[^]", "[a", "[a-", "%", "x%", "(", "((", "())", "%b", "%bx", "%f", "%fx", "%1", "(%1)",
	"()%1", "%9", "[%", "[%a", "[%]", "(()", "x(", "^(", "^)", "[[", "[a%", "(x", "%f[" } do
	if pcall(string.find, "xxxxxxxxxx", p) then fine = fine .. " " .. p end
end
print("refused all" .. fine)
