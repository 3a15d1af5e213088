-- limits: ; ends: ok "dead"
local co = coroutine.create(function() xpcall(error, coroutine.yield) end)
coroutine.resume(co)
print(coroutine.status(co))
