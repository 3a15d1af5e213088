-- limits: ; ends: ok "done"
local odd = { 0, -1, 1e10, 1e11, 1e12, 1e18, 1e300, -1e300, 0 / 0, 1 / 0, -1 / 0, 0.5 }
for _, t in ipairs(odd) do
	pcall(os.date, "%c", t) pcall(os.date, "*t", t) pcall(os.difftime, t, 0)
	pcall(os.time, { year = t, month = t, day = t }) pcall(os.time, { year = 2000, month = 1, day = 1, hour = t, min = t, sec = t })
end
for c = 0, 255 do pcall(os.date, "%" .. string.char(c)) end
print("done")
