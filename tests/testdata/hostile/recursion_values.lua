-- limits: steps=2e6; ends: ok "false limit true"
local many = {}
for i = 1, 1e5 do many[i] = i end
local function f(...) return 1 + f(1, 2, 3, ...) end
local ok, e = pcall(f, unpack(many))
print(tostring(ok) .. " " .. e.code .. " " .. tostring(e.message:find("values on the stack", 1, true) ~= nil))
