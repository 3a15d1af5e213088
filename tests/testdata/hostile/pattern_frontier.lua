-- limits: steps=1e5; ends: limit steps
return (("a"):rep(1e6)):find(("%f[%w]a-"):rep(30) .. "b")
