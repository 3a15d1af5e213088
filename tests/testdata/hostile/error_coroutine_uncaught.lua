-- limits: ; ends: error "thread"
error(coroutine.create(function() end))
