-- limits: ; ends: ok "inf 0 0"
print(math.ldexp(1, 1e300) .. " " .. math.ldexp(1, -1e300) .. " " .. math.ldexp(0, 1e9))
