-- limits: steps=1e6; ends: error "wrapped 1000 times already"
local _, e = pcall(string.rep)
while true do e = e:wrap("x") end
