-- limits: string=200; ends: error "string size"
local n = 1 / 3
return n .. n .. n .. n .. n .. n .. n .. n .. n .. n .. n .. n .. n .. n .. n
