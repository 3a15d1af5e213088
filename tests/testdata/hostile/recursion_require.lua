-- limits: ; ends: error "no module"
local function f() return require("x" .. ("y"):rep(10)) end
return f()
