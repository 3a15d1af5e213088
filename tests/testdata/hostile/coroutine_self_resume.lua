-- limits: ; ends: ok "false	coroutine.resume: cannot resume a running coroutine"
local co
co = coroutine.create(function() print(coroutine.resume(co)) end)
coroutine.resume(co)
