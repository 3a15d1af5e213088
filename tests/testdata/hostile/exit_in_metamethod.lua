-- limits: ; ends: exit 0
return tostring(setmetatable({}, { __tostring = function() os.exit(true) end }))
