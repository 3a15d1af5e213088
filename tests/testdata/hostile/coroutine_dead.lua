-- limits: ; ends: ok "false false false"
local co = coroutine.create(function() error("x") end)
local a = coroutine.resume(co)
local b = coroutine.resume(co)
local w = coroutine.wrap(function() end)
w()
print(tostring(a) .. " " .. tostring(b) .. " " .. tostring((pcall(w))))
