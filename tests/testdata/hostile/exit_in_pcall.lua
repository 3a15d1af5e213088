-- limits: ; ends: exit 7
while true do pcall(os.exit, 7) end
