-- The conventions of this package, tried on itself.
local n = 0
for i = 1, 10 do n = n + i end
assert(n == 55)
---
local t = nil
t.x = 1          --! attempt to index
---
assert(t == nil) -- a chunk does not see another's globals
error("plain")   --! ^plain$
---
local x = = 1    --! syntax error near "="
