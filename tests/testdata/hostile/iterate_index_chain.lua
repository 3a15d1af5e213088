-- limits: ; ends: ok "done"
local t = {}
for i = 1, 1e4 do t = setmetatable({}, { __index = t, __newindex = t }) end
pcall(function() return t.x end)
pcall(function() t.x = 1 end)
print("done")
