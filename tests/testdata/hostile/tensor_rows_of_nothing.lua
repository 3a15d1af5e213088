-- limits: ; ends: ok "false limit 3 [float32 1000000000x0] 1000000000 1000000000"
local T = require("hud").tensor
local x = T.zeros(1e9, 0)
local ok, e = pcall(function() return x:tolist() end)
local y = T.zeros(1e9, 0):requires_grad_()
y:cumsum(2):sum():backward()
for _, f in ipairs {
	function() return x:sum(2) end, function() return x:max(2) end, function() return x:softmax(2) end, function() return x:cumsum(1) end,
	function() return x:t():clone() end, function() return T.cat({ x, x }, 1) end, function() return T.stack { x, x } end, function() return T.save { x = x } end,
	function() return (x + x):exp():sum():item() end, function() return x:equal(x) end, function() return x:matmul(T.zeros(0, 3)) end,
	function() return x:sort() end, function() return x:topk(0) end, function() return require("hud").json.encode(x) end,
} do
	pcall(f)
end
print(tostring(ok) .. " " .. e.code .. " " .. #T.zeros(3, 0):tolist() .. " " .. tostring(x) .. " " .. y.grad:shape()[1] .. " " .. x:cumsum(2):shape()[1])
