-- limits: ; ends: error "far beyond length 0"
rawset({}, 4e6, 1)
