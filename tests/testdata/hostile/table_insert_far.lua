-- limits: ; ends: error "table.insert: position: got 60000000, want 1 to 1"
table.insert({}, 6e7, 1)
