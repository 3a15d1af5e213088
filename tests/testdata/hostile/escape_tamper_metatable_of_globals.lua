-- limits: steps=1e5; ends: limit steps; tampers
setmetatable(_G, { __index = function() while true do end end })
return nothing
