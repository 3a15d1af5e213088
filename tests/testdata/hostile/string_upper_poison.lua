-- limits: ; ends: ok "X"; tampers
string.upper = function() return "poisoned" end
print(("x"):upper())
