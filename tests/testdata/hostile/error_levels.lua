-- limits: ; ends: ok "done"
for _, l in ipairs { 0, 1, 2, 3, 100, 1e4, 1e9, 1e300, -1, -1e9, -1e300, 0 / 0, 1 / 0 } do pcall(error, "x", l) end
print("done")
