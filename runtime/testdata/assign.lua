-- Lua 5.1 manual, 2.4.3: "the assignment statement first evaluates all its
-- expressions and only then are the assignments performed".
local a, b = 1, 2
a, b = b, a
assert(a == 2 and b == 1)
a, b = (b), (a)
assert(a == 1 and b == 2)
a, b = b, (function() return a end)()
assert(a == 2 and b == 1)
local c = 3
a, b, c = c, a, b
assert(a == 3 and b == 2 and c == 1)
a, b, c = b, (function(...) return ... end)(a, c)
assert(a == 2 and b == 3 and c == 1)
a, b = b
assert(a == 3 and b == nil)
a, b = 1, 2, error or nil
assert(a == 1 and b == 2)

-- upvalues, globals, loop variables, parameters
local function swap() a, b = b, a end
swap()
assert(a == 2 and b == 1)
x, y = 1, 2
x, y = y, x
assert(x == 2 and y == 1)
x, a = a, x
assert(x == 2 and a == 2)
for i = 1, 1 do local j = 5 i, j = j, i assert(i == 5 and j == 1) end
local function sorted(p, q) if p > q then p, q = q, p end return p, q end
assert(select(1, sorted(2, 1)) == 1 and select(2, sorted(2, 1)) == 2)
local m, n = 48, 18
while n ~= 0 do m, n = n, m % n end
assert(m == 6)

-- fields beside names
local t = {}
local old = t
t, t.x = {}, 7
assert(old.x == 7 and t.x == nil)
t.x, t = 8, old
assert(t == old and old.x == 7)
local v = 4
t.x, v = v, 1
assert(t.x == 4 and v == 1)
t.x, v = v
assert(t.x == 1 and v == nil)
t.x, t.y = 1, 2
t.x, t.y = t.y, t.x
assert(t.x == 2 and t.y == 1)
local i, u = 1, {10, 20}
i, u[i] = i + 1, 99
assert(i == 2 and u[1] == 99 and u[2] == 20)
u[1], u[2] = u[2], u[1]
assert(u[1] == 20 and u[2] == 99)
