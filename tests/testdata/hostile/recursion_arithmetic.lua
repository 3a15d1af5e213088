-- limits: ; ends: error "call depth"
local mt = {}
for _, op in ipairs { "add", "sub", "mul", "div", "mod", "pow" } do
	mt["__" .. op] = function(a, b) return (a + b) * (a - b) end
end
mt.__unm = function(a) return -a end
return setmetatable({}, mt) + 1
