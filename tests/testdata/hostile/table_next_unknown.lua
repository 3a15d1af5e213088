-- limits: ; ends: ok "done"
for _, k in ipairs { 1, -1, 0.5, "x", 1e300, 1 / 0, true, {}, print } do pcall(next, { 1, 2, x = 3 }, k) pcall(next, {}, k) end
pcall(next, {}, 0 / 0)
print("done")
