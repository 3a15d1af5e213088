-- limits: ; ends: error "nil"
error()
