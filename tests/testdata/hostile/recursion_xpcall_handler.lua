-- limits: ; ends: error "nested pcalls"
local function handler() return error("again") end
local function f() xpcall(error, function() f() error("x") end) end
function g() return select(2, xpcall(error, function() error(g(), 0) end)) end
error(g(), 0)
