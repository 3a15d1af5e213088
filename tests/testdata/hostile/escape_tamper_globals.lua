-- limits: ; ends: ok "done"; tampers
local p = print
for k in pairs(_G) do if k ~= "_G" then _G[k] = nil end end
p("done")
