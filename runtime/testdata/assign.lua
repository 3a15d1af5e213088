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

-- more values than targets: all are computed first
local calls = 0
local function note(...) calls = calls + 1 return ... end
x = 5
local y = 1
y = 2, note(y)
assert(y == 2 and calls == 1)
y, x = 3, note(y), note(x)
assert(y == 3 and x == 2 and calls == 3)

-- a condition that does not hold is assigned, too
local off, on, cond, opts = nil, true, "before", {x = false}
cond = not on and 5 assert(cond == false)
cond = "before" cond = off and 5 assert(cond == nil)
cond = "before" cond = opts.x and 5 assert(cond == false)
cond = "before" cond = opts.y and 5 assert(cond == nil)
cond = "before" cond = (opts.x or opts.y) and 5 assert(cond == nil)
cond = "before" cond = 1 > 2 and 5 assert(cond == false)
cond = "before" cond = note() and 5 assert(cond == nil)
cond = "before" cond, on = (note() and 5) assert(cond == nil and on == nil)
cond = "before" cond = opts.x and 5 or 7 assert(cond == 7)
cond = "before" cond = on or opts.y assert(cond == nil)

-- (...) in the place of a local leaves the ones after it alone
local function first(...)
  local a, b, c, d = 1, 2, 3, {}
  b = (...)
  assert(a == 1 and b == 10 and c == 3 and type(d) == "table")
  b = c == 3 and (...)
  assert(b == 10 and c == 3 and type(d) == "table")
  b, c = (...)
  assert(b == 10 and c == nil and type(d) == "table")
  a = ..., 5
  assert(a == 10 and b == 10 and type(d) == "table")
end
first(10, 20, 30)

-- a named field at the end of a list has one value, and is no item
local function two() return 5, 6 end
local list = {1, 2, name = two()}
assert(#list == 2 and list.name == 5 and list[3] == nil)
list = {"a", [10] = two()}
assert(list[2] == nil and list[10] == 5 and list[11] == nil)
list = (function(...) return {1, rest = ...} end)(7, 8)
assert(#list == 1 and list.rest == 7)
list = {two(), x = 1, two()}
assert(#list == 3 and list[2] == 5 and list[3] == 6)

-- a call after a multiple of 50 items
local function items(n, tail)
  return assert(loadstring("local function two() return 'x', nil, 'y' end return {" .. ("7,"):rep(n) .. tail .. "}"))
end
for _, n in ipairs{0, 1, 49, 50, 51, 99, 100, 101, 150, 1000} do
  for tail, last in pairs{["two()"] = 3, ["(two())"] = 1, ["..."] = 2, ["(...)"] = 1, ["k = 1, two()"] = 3, ["two(), k = 1"] = 1} do
    local t = items(n, tail)("x", "y")
    for i = 1, n do assert(t[i] == 7) end
    assert(t[n + 1] == "x" and t[n + last] == (last == 1 and "x" or "y") and t[n + last + 1] == nil, n .. tail)
  end
end
