-- long tables
local t = {}
for i = 1, 100000 do t[i] = i end
assert(#table.concat(t, ",") == 588894) -- 9 + 180 + 2700 + 36000 + 450000 + 6 digits, 99999 commas
assert(select("#", unpack(t)) == 100000 and select(100000, unpack(t)) == 100000)
assert(select("#", unpack({}, 1, 3)) == 3 and select("#", unpack({1, 2, 3}, 2)) == 2 and select("#", unpack({1}, 5)) == 0)
assert(table.concat({}) == "" and table.concat({1, 2, 3}, "-", 2) == "2-3" and table.concat({1, 2, 3}, "-", 2, 2) == "2" and table.concat({1}, ",", 2) == "")
---
local t = {}
table.insert(t, "a") table.insert(t, 1, "b") table.insert(t, 3, "c") table.insert(t, 2, "d")
assert(table.concat(t) == "bdac" and table.remove(t) == "c" and table.remove(t, 1) == "b" and table.concat(t) == "da")
assert(table.remove({}) == nil and table.remove(t, 9) == nil and table.remove(t, 0) == nil and #t == 2)
t = {3, 1, 2} table.sort(t) assert(table.concat(t) == "123")
table.sort(t, function(a, b) return a > b end) assert(table.concat(t) == "321")
t = {"b", "a"} table.sort(t) assert(t[1] == "a")
table.sort({1, 2, 3, 4, 5}, function() return true end) -- a broken order does no harm
-- pairs goes in order of insertion
t = {} for _, k in ipairs{"z", "a", "m", "b"} do t[k] = true end
local keys = {} for k in pairs(t) do keys[#keys + 1] = k end
assert(table.concat(keys) == "zamb")
-- stores with computed keys do what they did
local log = {}
local p = setmetatable({}, {__newindex = function(t, k, v) log[#log + 1] = k .. v rawset(t, k, v) end})
local k = "x" p[k] = 1 p[k] = 2 p["y"] = 3
assert(table.concat(log, " ") == "x1 y3" and p.x == 2)
local a = {1, 2, 3} local i = 1
i, a[i], a[i + 1] = i + 1, 20, 30
assert(i == 2 and a[1] == 20 and a[2] == 30)
local function two() return 5, 6 end
a[i], a[i + 1] = two()
assert(a[2] == 5 and a[3] == 6)
a[i], a.n = 1
assert(a[2] == 1 and a.n == nil)
local n = 0
local function count() n = n + 1 return n end
a[count()] = count() -- each once
assert(n == 2 and a[1] == 2)
a[1000000] = 1 -- small gaps are allowed
assert(a[1000000] == 1)
a[2^40] = "far" a[-5] = "neg" a[1.5] = "frac"
assert(a[2^40] == "far" and a[-5] == "neg" and a[1.5] == "frac")
---
table.insert({1, 2}, 5, 1)   --! ^table.insert: position: got 5, want 1 to 3$
---
table.insert({}, 1, 2, 3)    --! ^table.insert: got 4 arguments, want 2 or 3$
---
table.insert(nil, 1)         --! ^table.insert: table: got nil, want table$
---
table.concat({1, {}, 3})     --! ^table.concat: item 2: got table, want string or number$
---
table.sort({1, "x"})         --! attempt to compare
---
table.sort({1, nil, 3})      --! ^table.sort: item 2 is nil: the list has a hole$
---
table.sort({2, 1}, 5)        --! ^table.sort: compare: got number, want function$
---
unpack({}, 1, 1e7)           --! ^unpack: 10000000 values are too many, at most 200000$
---
local t = {}
t[0/0] = 1                   --! NaN
---
local t = {}
local k
t[k] = 1                     --! nil
