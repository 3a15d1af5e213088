-- limits: ; ends: error "want a Lua function"
coroutine.wrap(coroutine.wrap)
