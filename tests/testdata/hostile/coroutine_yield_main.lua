-- limits: ; ends: error "coroutine.yield: not inside a coroutine"
coroutine.yield(1)
