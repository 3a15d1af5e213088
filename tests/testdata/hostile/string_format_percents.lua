-- limits: string=2e7; ends: ok "8388608"
-- Eight million conversions in one instruction.
print(#(("%%"):rep(2 ^ 23)):format())
