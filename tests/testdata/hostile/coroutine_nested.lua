-- limits: ; ends: error "nested pcalls and coroutines"
local f
f = function() return coroutine.wrap(f)() end
f()
