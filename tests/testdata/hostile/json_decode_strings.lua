-- limits: ; ends: ok "0"
local hud = require "hud"
local good = 0
for _, s in ipairs { '"', '"\\', '"\\u', '"\\u12', '"\\ud800"', '"\\x41"', '"\255"', '"\n"', '{"a":1,"a":2}', '{a:1}', "[1,]", "{,}", "", " ", "nul", "[1 2]", "\239\187\191[]" } do
	if pcall(hud.json.decode, s) then good = good + 1 end
end
print(good)
