-- limits: ; ends: ok "7"
local bad = 0
for _, c in ipairs { -1, 256, 1e300, 0 / 0 ~= 0 and "x" or 1, {}, print, -1e300 } do if not pcall(os.exit, c) then bad = bad + 1 end end
print(bad)
