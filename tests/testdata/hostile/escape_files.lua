-- limits: ; ends: ok "0"
local good = 0
for _, n in ipairs { "../secret", "/etc/passwd", "hud/../x", "..", ".", "", "a..b", "hud.secret", "a/b", "a\\b", "con:", "a\0b", ("x."):rep(200) .. "x" } do
	if pcall(require, n) then good = good + 1 end
end
print(good)
