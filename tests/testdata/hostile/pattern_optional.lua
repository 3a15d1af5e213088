-- limits: steps=1e5; ends: limit steps
return (("a"):rep(40)):find(("a?"):rep(40) .. ("a"):rep(41))
