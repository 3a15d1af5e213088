-- limits: ; ends: error "an error value of type table was raised"
error(setmetatable({}, { __tostring = function() error("again") end }))
