-- A goto closes the locals that it leaves, and no other: closures made before
-- it share those around with whoever else uses them, as in Lua 5.2.

local function equal(got, want)
  if got ~= want then error("got " .. tostring(got) .. ", want " .. tostring(want), 2) end
end

do -- continue
  local n, own = 0, {}
  local function bump() n = n + 1 end
  for i = 1, 4 do
    local j = i * 10
    own[i] = function() j = j + 1 return j end
    bump()
    if i % 2 == 0 then goto continue end
    bump()
    ::continue::
  end
  equal(n, 6)
  bump()
  equal(n, 7)
  equal(own[1]() + own[1](), 11 + 12)
  equal(own[2]() + own[2](), 21 + 22)
  equal(own[4](), 41)
end

do -- backwards, over a captured local: each time round has its own
  local k, own = 0, {}
  ::top::
  local x = k
  own[#own + 1] = function() x = x + 100 return x end
  k = k + 1
  if k < 3 then goto top end
  equal(own[1]() + own[1](), 100 + 200)
  equal(own[2](), 101)
  equal(own[3](), 102)
end

do -- out of several blocks, parameters and upvalues of upvalues included
  local function f(a)
    local hits = 0
    local function inc() a = a + 1 return function() hits = hits + 10 end end
    for i = 1, 3 do
      for j = 1, 3 do
        inc()()
        if j == 2 then goto next_i end
        if i == 3 then goto done end
      end
      ::next_i::
      hits = hits + 1
    end
    ::done::
    inc()
    return a, hits
  end
  local a, hits = f(1)
  equal(a, 7)
  equal(hits, 52)
end

do -- out of while and repeat, with a captured local on the way
  local seen = 0
  local function see() seen = seen + 1 end
  while true do
    local z = 1
    local function g() z = z + 1 see() end
    repeat
      local w = z
      g()
      if z > 3 then goto out end
    until w > 10
  end
  ::out::
  see()
  equal(seen, 4)
end

do -- in a coroutine, across a yield
  local log = {}
  local co = coroutine.wrap(function()
    local total = 0
    local function add(n) total = total + n end
    for i = 1, 5 do
      if i == 3 then goto skip end
      add(i)
      coroutine.yield(total)
      ::skip::
    end
    return total
  end)
  for i = 1, 5 do log[i] = co() end
  equal(table.concat(log, " "), "1 3 7 12 12")
end

do -- a goto alone, at a block's beginning and end
  local n = 0
  local function count() n = n + 1 end
  do goto a end
  count()
  ::a::
  count()
  for _ = 1, 3 do count() goto b ::b:: end
  if n then goto c else goto d end
  ::d:: count()
  ::c:: count()
  equal(n, 5)
end
