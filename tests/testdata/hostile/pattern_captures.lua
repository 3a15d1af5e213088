-- limits: ; ends: error "more than 32 captures"
return ("x"):find(("()"):rep(40))
