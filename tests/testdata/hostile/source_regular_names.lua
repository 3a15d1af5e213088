-- limits: ; ends: ok "nil"
print((loadstring("local (1) = 2")))
