-- limits: ; ends: error "string size: used 1 bytes x 10000000000"
return ("x"):rep(1e10)
