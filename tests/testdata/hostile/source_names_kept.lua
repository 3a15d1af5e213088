-- limits: string=3e6 heap=6e8; ends: ok "done"
-- What a host keeps of chunks is bounded.
local name = ("n"):rep(2e6)
local text = "--" .. ("t"):rep(9e5)
for i = 1, 400 do assert(load(text .. i, name .. i)) end
print("done")
