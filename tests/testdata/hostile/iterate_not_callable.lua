-- limits: ; ends: error "attempt to call"
for _ in 5 do end
