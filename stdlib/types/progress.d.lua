---@meta hud.progress

---@class hud.progress.Options
---@field label? string  what is in progress

---A status line on standard error: label, bar, count, note. At a terminal it
---stays below what the script prints; elsewhere a line appears at most every
---ten seconds. hudrl -q shows none.
---
---    local p = hud.progress(#tasks, { label = "grading" })
---    for _, t in ipairs(tasks) do grade(t); p:step() end
---    p:done()
---
---    > p = hud.progress(2, { label = "grading" })
---    > p:step()
---    > p:done()
---@param total? number  without it there is a count but no bar
---@param options? hud.progress.Options
---@return hud.Progress
function hud.progress(total, options) end

---@class hud.Progress
local Progress = {}

---One more is done.
---
---    > p = hud.progress(2)
---    > p:step("half way")
---    > p:done()
---@param note? string  shown after the count
function Progress:step(note) end

---This many are done.
---
---    > p = hud.progress(10)
---    > p:set(5)
---    > p:done()
---@param count number
---@param note? string
function Progress:set(count, note) end

---Removes the line. More calls do nothing.
---
---    > p = hud.progress()
---    > p:done()
---    > p:done()
function Progress:done() end
