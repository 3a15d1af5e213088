-- limits: ; ends: error "NaN"
rawset({}, 0 / 0, 1)
