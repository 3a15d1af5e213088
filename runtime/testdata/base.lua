assert(select("#") == 0 and select("#", nil, nil) == 2 and select(2, "a", "b", "c") == "b" and select(-1, "a", "b") == "b" and select(9, 1) == nil)
local ok, e = pcall(error) assert(ok == false and e == nil)
ok, e = pcall(error, {code = 5}) assert(e.code == 5)
ok, e = pcall(error, "x", 0) assert(e == "x")
ok, e = pcall(error, "x", 1e9) assert(e == "x")
ok, e = pcall(error, "x", -1) assert(e == "x")
ok, e = pcall(5) assert(ok == false and type(e) ~= "nil")
ok, e = pcall(assert, false, {n = 1}) assert(e.n == 1)
ok, e = pcall(assert, nil, "message", 2) assert(e == "message")
assert(select("#", assert(1, 2, 3)) == 3)
ok, e = xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end)
assert(ok == false and e == "handled deep")
ok, e = xpcall(function() local x = nil; return x.y end, function(m) return m:match("attempt") end)
assert(e == "attempt")
assert(select("#", pcall(function() return 1, nil, 3 end)) == 4)
assert(tostring(nil) == "nil" and tostring(true) == "true" and tostring(print):match("^function"))
assert(load("return 1 + 1")() == 2 and loadstring("return ...")(5) == 5)
local f, m = load("x = = 1", "name.lua") assert(f == nil and m == 'name.lua:1: syntax error near "="')
local parts = {"return ", "1", nil}
local i = 0
assert(load(function() i = i + 1 return parts[i] end)() == 1)
ok, e = pcall(load("error('x')", "=chunk")) assert(e == "chunk:1: x")
assert(rawget(rawset({}, "a", 1), "a") == 1 and rawequal("a", "a") and type(next({})) == "nil" and next({5}) == 1)
assert(getmetatable(setmetatable({}, {__metatable = "locked"})) == "locked")
ok, e = pcall(function() error("two", 2) end) assert(e == "two") -- the caller is pcall, which has no line
-- a caught error deep down
local function deep(n) if n == 0 then error("bottom", 0) end return (deep(n - 1)) end
ok, e = pcall(deep, 1500) assert(e == "bottom")
-- closures still see the locals of a function that catches an error
local n = 0
local function inc() n = n + 1 end
pcall(function() inc() error("x") end) inc() assert(n == 2)
pcall(function() inc() return n.x.y end) inc() assert(n == 4)
pcall(function() inc() string.rep() end) n = n + 10 inc() assert(n == 16)
xpcall(function() inc() error("x") end, function() inc() end) inc() assert(n == 19)
local kept
pcall(function() local v = 5 kept = function() v = v + 1 return v end v = 7 error("x") end)
assert(kept() == 8 and kept() == 9)
pcall(function() pcall(error) inc() error("x") end) inc() assert(n == 21)
-- goto, and closures in loops
local fs = {}
for i = 1, 3 do
  if i == 2 then goto continue end
  fs[#fs + 1] = function() return i end
  ::continue::
end
assert(fs[1]() == 1 and fs[2]() == 3)
assert(os.clock() >= 0 and os.time() >= 0 and os.difftime(5, 3) == 2 and os.time{year = 2000, month = 1, day = 1, hour = 0} == 946684800)
assert(os.date("!%Y-%m-%d %H:%M:%S", 946684800) == "2000-01-01 00:00:00" and os.date("!*t", 0).year == 1970 and os.date("%j %a %%", 0) == "001 Thu %")
---
print(setmetatable({}, {__tostring = function() return 5 end}))
print(setmetatable({}, {__tostring = function() return {} end})) --! ^tostring: __tostring returned table, want string$
---
setmetatable(setmetatable({}, {__metatable = 1}), {}) --! ^setmetatable: table: its metatable is protected$
---
setmetatable("", {})         --! ^setmetatable: table: got string, want table$
---
setmetatable({}, 5)          --! ^setmetatable: metatable: got number, want table or nil$
---
select(0)                    --! ^select: position: got 0, want at least 1 or at most -1$
---
select(-3, 1, 2)             --! ^select: position: got -3, want at least -2$
---
os.time{year = 2000}         --! ^os.time: field "month" is missing$
---
os.date("%Q")                --! ^os.date: format: no such conversion %Q$
---
os.date("%Y", 1e30)          --! ^os.date: time: got 1e\+30, want seconds since 1970$
---
xpcall(print)                --! ^xpcall: handler: got nil, want function$
---
load(5)                      --! ^load: chunk: got number, want string or function$
