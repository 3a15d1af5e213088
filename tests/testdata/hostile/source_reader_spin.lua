-- limits: steps=1e5; ends: limit steps
load(function() while true do end end)
