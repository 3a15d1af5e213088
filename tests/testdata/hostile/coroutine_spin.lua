-- limits: steps=1e5; ends: limit steps
coroutine.wrap(function() while true do end end)()
