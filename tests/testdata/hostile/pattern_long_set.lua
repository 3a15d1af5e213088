-- limits: steps=1e5; ends: limit steps
return (("a"):rep(1e5)):find("[" .. ("b"):rep(1e6) .. "]c")
