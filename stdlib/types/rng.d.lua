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
---@param ... string|number  whole numbers and strings
---@return hud.Stream
function rng.stream(...) end

---A seed made from names, a whole number below 2^53, for what takes a seed.
---@param ... string|number
---@return integer
function rng.derive(...) end

---Goes on with a stream that r:save() saved.
---@param state string
---@return hud.Stream
function rng.restore(state) end

---@class hud.Stream
local Stream = {}

---A whole number from lo to hi, both possible.
---@param lo integer
---@param hi integer
---@return integer
function Stream:int(lo, hi) end

---A number from 0 up to, not including, 1.
---@return number
function Stream:float() end

---A number from the standard normal distribution.
---@return number
function Stream:normal() end

---One of a list's values.
---@generic T
---@param list T[]
---@return T
function Stream:choice(list) end

---Puts a list in random order, in place, and returns it.
---@generic T: table
---@param list T
---@return T
function Stream:shuffle(list) end

---The stream's position as text, for rng.restore.
---@return string
function Stream:save() end

return rng
