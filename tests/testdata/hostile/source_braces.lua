-- limits: ; ends: ok "nil nests deeper"
local f, e = loadstring("return " .. ("{"):rep(1e5) .. ("}"):rep(1e5))
print(tostring(f) .. " " .. e:match("nests deeper"))
