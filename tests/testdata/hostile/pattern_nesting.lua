-- limits: ; ends: error "nested"
return (("x"):rep(1e4)):find(("x?"):rep(5000))
