-- limits: ; ends: ok "false	coroutine.resume: cannot resume a coroutine that is resuming another one"
local a, b
a = coroutine.create(function() coroutine.resume(b) end)
b = coroutine.create(function() print(coroutine.resume(a)) end)
coroutine.resume(a)
