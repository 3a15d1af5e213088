-- limits: ; ends: error "registry overflow"
local co = coroutine.wrap(function(...) coroutine.yield(select("#", ...)) end)
print(co(unpack({}, 1, 150000)))
