-- A field is found from wherever an object is indexed.
local m = require("m")
local p = m.point(1, 2)

-- local, upvalue, global, field, result of a call, temporary
assert(p.x == 1 and p["y"] == 2 and p[2] == 2)
local function up() return p.x + p[2] end
assert(up() == 3)
g = p
assert(g.x == 1 and g:moved(1, 0).x == 2)
local t = {deep = {p = p}}
assert(t.deep.p.y == 2 and t.deep.p:moved(0, 1).y == 3)
assert((p + m.point(4, 5)).x + (p + p).y == 9)
assert(({p, m.point(7, 8)})[2].x == 7)
local a, b = p.x, (function() return m.point(5, 6) end)().y
assert(a == 1 and b == 6)
local q = m.point(10, 20)
assert(p.x + q.x * p.y - q.y == 1 and p[2] .. q[2] == "220")
for _, o in ipairs({p, q}) do assert(o.y == 2 * o.x) end

-- many locals and many arguments before it
local function far(a1, a2, a3, a4, a5, a6, a7, a8, ...)
  local l1, l2, l3, l4, l5, l6, l7, l8 = ...
  do local gone = q end
  return l8.x, select("#", ...), a8.x, (select(8, ...)).y
end
local x, n, y, z = far(q, q, q, q, q, q, q, p, q, q, q, q, q, q, q, p)
assert(x == 1 and n == 8 and y == 1 and z == 2)

-- tail calls, protected calls, coroutines, iterators
local function tail(k) if k == 0 then return p.x end return tail(k - 1) end
assert(tail(100) == 1)
assert(select(2, pcall(function() return p.y end)) == 2)
local co = coroutine.wrap(function(o) o = coroutine.yield(o.x) return o.x, p.y end)
assert(co(q) == 10)
x, y = co(p)
assert(x == 1 and y == 2)

-- at the end of a chain of tables, and of a function in it
local child = setmetatable({}, {__index = p})
local grand = setmetatable({own = 4}, {__index = child})
assert(child.x == 1 and child[2] == 2 and grand.y == 2 and grand.own == 4)
assert(child.moved(p, 1, 1).x == 2)
local lazy = setmetatable({}, {__index = function(_, k) return q[k] end})
assert(lazy.x == 10 and lazy.moved(q, 1, 1).y == 21)
x, y = pcall(function() return grand.nope end)
assert(not x and tostring(y):find('no such method or field: "nope"', 1, true), y)

-- at the end of the globals
setmetatable(_G, {__index = q})
assert(assert(loadstring("return x + y"))() == 30)
setmetatable(_G, nil)

-- from host functions
assert(("x-y"):gsub("%a", setmetatable({}, {__index = q})) == "10-20")
