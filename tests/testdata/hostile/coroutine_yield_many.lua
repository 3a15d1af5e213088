-- limits: ; ends: ok "150000"
local co = coroutine.wrap(function() coroutine.yield(unpack({}, 1, 150000)) end)
print(select("#", co()))
