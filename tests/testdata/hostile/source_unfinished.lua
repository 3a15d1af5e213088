-- limits: ; ends: ok "9"
local refused = 0
for _, s in ipairs { "x = '", "x = \"", "x = [[", "x = [==[ ]]", "--[[", "x = '\\", "if x then", "f(", "x = {" } do
	if not loadstring(s) then refused = refused + 1 end
end
print(refused)
