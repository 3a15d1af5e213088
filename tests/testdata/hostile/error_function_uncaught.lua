-- limits: ; ends: error "function"
error(print)
