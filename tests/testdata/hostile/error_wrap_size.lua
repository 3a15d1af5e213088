-- limits: ; ends: error "string size"
local _, e = pcall(string.rep)
while true do e = e:wrap(("x"):rep(2 ^ 18)) end
