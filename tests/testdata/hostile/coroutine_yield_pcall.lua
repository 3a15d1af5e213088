-- limits: ; ends: error "cannot yield across"
coroutine.wrap(function() assert(pcall(coroutine.yield, 1)) end)()
