-- limits: ; ends: ok "attempt to call upvalue 'f' (a string value)"
local f = "\0hudrl" .. ".store"
local _, e = pcall(function() f({}, 5e7, 1) end)
print(e:match("attempt to call.*") or e)
