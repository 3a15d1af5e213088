-- limits: steps=1e5; ends: limit steps
return (("x"):gsub(".", function() while true do end end))
