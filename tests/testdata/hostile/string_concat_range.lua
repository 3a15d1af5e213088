-- limits: ; ends: error "item 1: got nil"
return table.concat({}, "", 1, 1e15)
