-- limits: ; ends: ok "refused"
local f = loadstring(("if a != b then "):rep(60) .. ("x += 1 // 2 & 3 << 4 "):rep(2e4))
print(f and "compiled" or "refused")
