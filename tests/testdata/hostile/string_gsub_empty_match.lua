-- limits: ; ends: error "string size"
return (("x"):rep(2 ^ 19):gsub("", ("y"):rep(100)))
