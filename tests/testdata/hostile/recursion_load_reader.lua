-- limits: ; ends: error "call depth"
local function reader() return load(reader) and nil end
load(reader)
error("call depth is " .. "not reached")
