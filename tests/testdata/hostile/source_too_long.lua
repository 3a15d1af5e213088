-- limits: source=1e5 string=2e6; ends: ok "nil"
print((loadstring((" "):rep(1e6))))
