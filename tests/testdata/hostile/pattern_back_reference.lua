-- limits: string=5e6 steps=1e6; ends: limit steps
return (("a"):rep(4e6)):find("(.*)%1b")
