-- limits: steps=3e6; ends: ok "right or refused"
-- A loop whose body has more instructions than a jump can skip.
local f = loadstring("local n = 0 while n < 2 do n = n + 1 " .. ("x = n "):rep(1.5e5) .. "end return n")
print((not f or f() == 2) and "right or refused")
