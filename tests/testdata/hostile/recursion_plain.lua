-- limits: ; ends: error "call depth: used 2001 of 2000"
local function f() return 1 + f() end
return f()
