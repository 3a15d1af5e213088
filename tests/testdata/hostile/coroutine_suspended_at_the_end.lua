-- limits: ; ends: ok "400"
local t = {}
for i = 1, 400 do
	t[i] = coroutine.create(function() local big = ("x"):rep(1000) coroutine.yield(big) end)
	coroutine.resume(t[i])
end
print(#t)
