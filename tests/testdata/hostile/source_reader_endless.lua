-- limits: source=1e5; ends: ok "nil"
print((load(function() return "   " end)))
