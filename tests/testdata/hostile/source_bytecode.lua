-- limits: ; ends: ok "nil"
print((loadstring("\27Lua\81\0\1\4\4\4\8\0")))
