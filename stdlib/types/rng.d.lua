---@meta hud.rng

---Seeded random streams. A stream is named by numbers and strings and depends
---on them and the run's --seed alone, so step 7 asks the same questions whether
---the run was resumed or not, and whatever else was drawn before.
---
---    local r = hud.rng.stream("questions", step)
---    local a, b = r:int(0, 50), r:int(0, 50)
---@class hud.rng
local rng = {}

---Starts the stream of that name.
---
---    > a, b = hud.rng.stream("questions", 7), hud.rng.stream("questions", 7)
---    > a:int(1, 100) == b:int(1, 100)
---    true
---@param ... string|number  whole numbers and strings
---@return hud.Stream
function rng.stream(...) end

---A seed made from names, a whole number below 2^53, for what takes a seed.
---
---    > hud.rng.derive("eval", 1) == hud.rng.derive("eval", 1)
---    true
---@param ... string|number
---@return integer
function rng.derive(...) end

---Goes on with a stream that r:save() saved.
---
---    > r = hud.rng.stream("x")
---    > saved = r:save()
---    > r:int(1, 1000) == hud.rng.restore(saved):int(1, 1000)
---    true
---@param state string
---@return hud.Stream
function rng.restore(state) end

---@class hud.Stream
local Stream = {}

---A whole number from lo to hi, both possible.
---
---    > n = hud.rng.stream("x"):int(3, 5)
---    > n >= 3 and n <= 5
---    true
---@param lo integer
---@param hi integer
---@return integer
function Stream:int(lo, hi) end

---A number from 0 up to, not including, 1.
---
---    > u = hud.rng.stream("x"):float()
---    > u >= 0 and u < 1
---    true
---@return number
function Stream:float() end

---A number from the standard normal distribution.
---
---    > type(hud.rng.stream("x"):normal())
---    "number"
---@return number
function Stream:normal() end

---One of a list's values.
---
---    > hud.rng.stream("x"):choice{ "a", "a" }
---    "a"
---@generic T
---@param list T[]
---@return T
function Stream:choice(list) end

---Puts a list in random order, in place, and returns it.
---
---    > list = hud.rng.stream("x"):shuffle{ 1, 2, 3 }
---    > list[1] + list[2] + list[3]
---    6
---@generic T: table
---@param list T
---@return T
function Stream:shuffle(list) end

---The stream's position as text, for rng.restore.
---
---    > r = hud.rng.stream("x")
---    > r:save() == hud.rng.stream("x"):save(), r:int(1, 9) and r:save() == hud.rng.stream("x"):save()
---    true	false
---@return string
function Stream:save() end

return rng
