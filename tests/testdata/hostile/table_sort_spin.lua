-- limits: steps=1e5; ends: limit steps
table.sort({ 1, 2, 3 }, function() while true do end end)
