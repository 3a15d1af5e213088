-- limits: ; ends: ok "false false false"
local _, e = pcall(string.rep)
local a = pcall(function() e.code = "x" end)
local b = pcall(setmetatable, e, {})
local c = pcall(rawset, e, "code", 1)
print(tostring(a) .. " " .. tostring(b) .. " " .. tostring(c))
