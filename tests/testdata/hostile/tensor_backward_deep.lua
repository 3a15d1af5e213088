-- limits: steps=1e7; ends: ok "1"
local T = require("hud").tensor
local x = T.ones(1):requires_grad_()
local y = x
for i = 1, 2e4 do y = y + 1 end
y:sum():backward()
print(x.grad:item())
