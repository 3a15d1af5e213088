-- limits: ; ends: error "nil"
error(nil)
