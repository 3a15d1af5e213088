-- limits: ; ends: error "too long? no"
error { message = "too long? no" }
