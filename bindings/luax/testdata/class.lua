local m = require "m"
local p = m.point(1, 2)
assert(p.x == 1 and p.y == 2 and p[2] == 2)
assert(tostring(p) == "point 1, 2")
p.x = 5
assert(p:moved(1).x == 6 and p:moved(1, 1).y == 3)
assert(p == p:same() and p ~= m.point(5, 2))
assert((p + p).x == 10)
assert(getmetatable(p) == "point")
assert(m.plain():get() == 5 and tostring(m.plain()) == "plain")
---
local p = require("m").point(1, 2)
p.moved(1)            --! ^moved: self: got number, want point$
---
local p = require("m").point(1, 2)
p:move(1)             --! ^point: no such method or field: "move" \(did you mean "moved"\?\)$
---
local p = require("m").point(1, 2)
return p.z            --! ^point: no such method or field: "z"
---
local p = require("m").point(1, 2)
return p[3]           --! ^point: no such method or field: \[3\]$
---
local p = require("m").point(1, 2)
p.y = 1               --! ^point: cannot assign to "y"$
---
local p = require("m").point(1, 2)
p.x = "a"             --! ^point: x: got string, want number$
---
local p = require("m").plain()
p.n = 1               --! ^plain: cannot assign to "n"$
---
local p = require("m").plain()
p:gt()                --! ^plain: no such method or field: "gt" \(did you mean "get"\?\)$
---
local m = require "m"
return m.point(1, 2) + 1 --! ^add: b: got number, want point$
---
local m = require "m"
return m.point(1, 2) + m.plain() --! ^add: b: got plain, want point$
