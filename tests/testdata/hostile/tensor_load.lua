-- limits: ; ends: ok "0"
local T = require("hud").tensor
local good = 0
for _, s in ipairs { "", "\255\255\255\255\255\255\255\127{}", "\2\0\0\0\0\0\0\0{}x", ("\0"):rep(100), "\1\0\0\0\0\0\0\0[", "\8\0\0\0\0\0\0\0" .. ("["):rep(8) } do
	local ok, t = pcall(T.load, s)
	if ok and next(t) then good = good + 1 end
end
print(good)
