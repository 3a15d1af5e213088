-- limits: ; ends: ok "nil"
print((loadstring(("local a "):rep(300))))
