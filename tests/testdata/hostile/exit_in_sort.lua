-- limits: ; ends: exit 1
table.sort({ 2, 1 }, function() os.exit(false) end)
