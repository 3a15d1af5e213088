-- limits: ; ends: ok "nil true nil true"
local f, e = loadstring("return {" .. ("1,"):rep(30000) .. "}")
local g, e2 = loadstring("return {{" .. ("1,"):rep(30000) .. "}, 2}")
print(tostring(f) .. " " .. tostring(e:find("a table literal has more than 25550 items", 1, true) ~= nil) .. " " .. tostring(g) .. " " .. tostring(e2:find("more than 25550") ~= nil))
