-- limits: ; ends: error "values on the stack"
local co = coroutine.wrap(function(...) coroutine.yield(select("#", ...)) end)
print(co(unpack({}, 1, 150000)))
