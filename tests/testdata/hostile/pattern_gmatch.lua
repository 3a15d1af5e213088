-- limits: steps=1e5; ends: limit steps
for m in (("a"):rep(1e5)):gmatch(("a*"):rep(10) .. "b") do print(m) end
