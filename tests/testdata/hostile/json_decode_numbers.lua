-- limits: ; ends: ok "0"
local hud = require "hud"
local good = 0
for _, s in ipairs { "1e999", "-", "01", "1.", ".5", "1e", "0x10", "NaN", "Infinity", "9007199254740993", ("9"):rep(1e5), "1" .. ("0"):rep(400) } do
	if pcall(hud.json.decode, s) then good = good + 1 end
end
print(good)
