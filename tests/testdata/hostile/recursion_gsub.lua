-- limits: ; ends: error "call depth"
local function f(c) return (("x"):gsub(".", f)) end
f("x")
