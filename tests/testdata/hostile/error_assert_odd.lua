-- limits: ; ends: ok "4"
local n = 0
for _, f in ipairs { function() assert() end, function() assert(false) end, function() assert(nil, nil) end, function() assert(false, {}) end } do
	if not pcall(f) then n = n + 1 end
end
print(n)
