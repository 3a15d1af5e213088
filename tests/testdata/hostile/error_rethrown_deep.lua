-- limits: ; ends: error "string.rep"
local function f(n) local ok, e = pcall(n > 0 and f or string.rep, n - 1) error(e, 0) end
f(100)
