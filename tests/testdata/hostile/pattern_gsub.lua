-- limits: steps=1e5; ends: limit steps
return (("a"):rep(1e5)):gsub(("a*"):rep(10) .. "b", "")
