-- limits: wall=10s; ends: ok "refused"
-- Every name is looked for in each of 190 functions with 190 locals.
local names = {}
for i = 1, 190 do names[i] = "v" .. i end
local one = "local " .. table.concat(names, ",") .. " f=function() "
local f = loadstring(one:rep(190) .. ("x=y "):rep(1.5e5) .. (" end"):rep(190))
print(f and "compiled" or "refused")
