-- limits: steps=1e5; ends: limit steps
return (("x"):rep(3000)):find((".-"):rep(20) .. "b")
