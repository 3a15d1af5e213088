-- limits: steps=3e6; ends: ok "right or refused"
local f = loadstring("local n = 0 if n > 0 then " .. ("x = n "):rep(1.5e5) .. " n = 1 else n = 2 end return n")
print((not f or f() == 2) and "right or refused")
