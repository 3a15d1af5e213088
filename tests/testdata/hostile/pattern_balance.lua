-- limits: string=2e7 steps=1e6; ends: limit steps
return (("("):rep(1e6)):find("%b()")
