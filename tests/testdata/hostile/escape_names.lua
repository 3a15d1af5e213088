-- limits: ; ends: ok "none"
local found = {}
for _, n in ipairs { "debug", "io", "package", "dofile", "loadfile", "module", "newproxy", "getfenv", "setfenv", "collectgarbage", "_printregs", "gcinfo", "luar" } do
	if rawget(_G, n) ~= nil then found[#found + 1] = n end
end
for _, n in ipairs { "execute", "getenv", "remove", "rename", "tmpname", "setlocale", "setenv" } do if rawget(os, n) ~= nil then found[#found + 1] = n end end
if rawget(string, "dump") then found[#found + 1] = "dump" end
print(#found == 0 and "none" or table.concat(found, " "))
