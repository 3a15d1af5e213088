-- limits: ; ends: ok "string false false"
local ok = pcall(setmetatable, "", {})
local ok2 = pcall(function() getmetatable("").__index = {} end)
print(tostring(getmetatable("")) .. " " .. tostring(ok) .. " " .. tostring(ok2))
