-- As many values come out of a coroutine as it gives: none is not one nil.
local function count(...) return select("#", ...) end
local wrap, create, resume, yield = coroutine.wrap, coroutine.create, coroutine.resume, coroutine.yield

assert(count(wrap(function() end)()) == 0)
assert(count(wrap(function() return nil end)()) == 1)
assert(count(wrap(function() yield() end)()) == 0)
assert(count(wrap(function() yield(nil) end)()) == 1)
assert(count(wrap(function() yield(nil, nil) end)()) == 2)
assert(count(wrap(function(...) return ... end)()) == 0)
assert(count(wrap(function(...) return ... end)(nil)) == 1)

local w = wrap(function() return yield(1) end)
assert(count(w()) == 1 and count(w()) == 0)
w = wrap(function() return yield(1) end)
assert(count(w()) == 1 and count(w(7, 8)) == 2)
local co = create(function() yield(1) end)
assert(count(resume(co)) == 2 and count(resume(co)) == 1)
co = create(function() local function f() yield(1) end f() end)
assert(count(resume(co)) == 2 and count(resume(co)) == 1)
co = create(function() yield(1) error("x", 0) end)
resume(co)
local ok, message = resume(co)
assert(not ok and tostring(message) == "x")
