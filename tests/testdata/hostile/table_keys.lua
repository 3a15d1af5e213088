-- limits: ; ends: ok "nan nil inf -inf 0"
local t, out = {}, {}
if not pcall(function() t[0 / 0] = 1 end) then out[#out + 1] = "nan" end
if not pcall(function() t[nil] = 1 end) then out[#out + 1] = "nil" end
if pcall(function() t[1 / 0] = 1 end) then out[#out + 1] = "inf" end
if pcall(function() t[-1 / 0] = 1 t[-2 ^ 53] = 2 t[2 ^ 53] = 3 t[2 ^ 1000] = 4 t[0.5] = 5 t[-1] = 6 end) then out[#out + 1] = "-inf" end
print(table.concat(out, " ") .. " " .. #t)
