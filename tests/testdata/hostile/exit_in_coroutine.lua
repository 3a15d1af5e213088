-- limits: ; ends: exit 2
coroutine.wrap(function() os.exit(2) end)()
