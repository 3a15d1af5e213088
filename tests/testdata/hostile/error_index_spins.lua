-- limits: steps=1e5; ends: error "an error value of type table was raised"
error(setmetatable({}, { __index = function() while true do end end }))
