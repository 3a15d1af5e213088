-- limits: ; ends: error "far beyond length 0"
return { [4000000] = 1 }
