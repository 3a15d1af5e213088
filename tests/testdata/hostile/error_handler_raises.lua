-- limits: ; ends: ok "false again"
local ok, e = xpcall(error, function() error("again", 0) end, "first")
print(tostring(ok) .. " " .. e)
