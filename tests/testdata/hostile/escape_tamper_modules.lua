-- limits: ; ends: ok "done"; tampers
local hud = require "hud"
local pairs, pcall, rawset, setmetatable, error, print = pairs, pcall, rawset, setmetatable, error, print
for _, lib in pairs { string, table, math, os, coroutine, hud.json, hud.tensor, hud.loss, hud } do
	if type(lib) == "table" then
		for k in pairs(lib) do pcall(rawset, lib, k, function() error("tampered") end) end
		pcall(setmetatable, lib, nil)
	end
end
print("done")
