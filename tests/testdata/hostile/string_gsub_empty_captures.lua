-- limits: steps=1e5 string=2e7; ends: limit steps
-- The captures are empty: the result never grows, and each match expands
-- millions of them.
return (("x"):rep(1e6):gsub("(y-)x", ("%1"):rep(8e6)))
