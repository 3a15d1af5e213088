-- limits: string=2e7 steps=1e5; ends: limit steps
return #os.date(("%%"):rep(8e6))
