-- limits: steps=1e5; ends: limit steps
return (("a"):rep(1000)):find((".*"):rep(8) .. "b")
