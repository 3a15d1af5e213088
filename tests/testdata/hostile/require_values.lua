-- limits: ; ends: ok "0"
local good = 0
for _, v in ipairs { 1, {}, true, print, 0 / 0, "\0", ("x"):rep(1e6) } do if pcall(require, v) then good = good + 1 end end
if pcall(require) then good = good + 1 end
print(good)
