-- limits: depth=50; ends: error "call depth: used 51 of 50"
local function f() return 1 + f() end
return f()
