-- limits: ; ends: ok "nil"
print((loadstring("\0\0\0")))
