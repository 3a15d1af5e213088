-- limits: ; ends: exit 5
xpcall(error, function() os.exit(5) end)
