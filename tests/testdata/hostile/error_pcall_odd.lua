-- limits: ; ends: ok "false"
for _, v in ipairs { 1, "x", {}, true, 0 / 0 } do assert(not pcall(v)) end
assert(not pcall(pcall))
assert(not pcall(xpcall))
assert(not pcall(xpcall, print, 1))
print((pcall(nil)))
