-- limits: ; ends: error "nested pcalls and coroutines: used 151 of 150"
local function f() return assert(pcall(f)) end
f()
