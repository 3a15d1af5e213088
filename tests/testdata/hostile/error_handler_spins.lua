-- limits: steps=1e5; ends: limit steps
xpcall(error, function() while true do end end)
