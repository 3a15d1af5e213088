-- limits: string=4e6 steps=1e6; ends: limit steps
return (("x"):rep(2e6)):find(".-b")
