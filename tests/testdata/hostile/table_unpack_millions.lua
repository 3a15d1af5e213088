-- limits: ; ends: error "unpack: 100000000 values are too many"
return unpack({}, 1, 1e8)
