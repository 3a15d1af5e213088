-- limits: ; ends: ok "0"
local hud = require "hud"
local _, e = pcall(string.rep)
local good = 0
for _, v in ipairs { e, hud.tensor { 1 }, hud.spawn(function() end), hud.rng.stream(1) } do
	for _, k in ipairs { "Error", "Unwrap", "Err", "Value", "Metatable", "Env", "ctx", "Cancel", "Wait", "Name", "__index", "thread" } do
		local ok, x = pcall(function() return v[k] end)
		if ok and x ~= nil then good = good + 1 end
	end
end
print(good)
