---@meta hud.metrics

---What a script measures, step by step: `local run = hud.metrics.run()`, and
---`run:log{ reward = 0.5 }` in each step. A row is printed, its values below each
---other, and added to a file of JSON lines: `metrics.jsonl` beside the run's journal,
---or under the directory of `hudrl run --metrics DIR`. What a run that goes on with
---`--resume` had logged for steps that it takes again is cut off first.
---@class hud.metrics
local metrics = {}

---@class hud.metrics.Options
---@field every? integer  print one of so many steps, 1 by default; 0 prints none
---@field show? string[]  print only these names, in this order

---A new log. The name is that of its file, which no other log may have.
---
---    > run = hud.metrics.run()
---    > for step in hud.steps(3) do run:log{ reward = step / 4, loss = { kl = 1 / step } } end
---    step     1  reward   0.25  loss/kl      1
---    step     2  reward    0.5  loss/kl    0.5
---    step     3  reward   0.75  loss/kl 0.3333
---    > table.concat(run:series("reward"), " ")
---    "0.25 0.5 0.75"
---@param name? string  "metrics" by default
---@param options? hud.metrics.Options
---@return hud.Metrics
function metrics.run(name, options) end

---@class hud.Metrics
---@field name string
local Metrics = {}

---Adds a row of numbers, tensors of one element, and tables of them, whose names
---follow after a slash. `step` is the number of the hud.steps loop unless it is
---given; it never goes back, and no name is logged twice for a step. NaN and
---infinities are kept, as strings in the file.
---
---    > run = hud.metrics.run("eval", { every = 0 })
---    > run:log{ step = 10, accuracy = tensor.scalar(0.5), by = { length = { short = 1 } } }
---    > run:log{ step = 10, accuracy = 1 }
---    error: stdin:1: log: accuracy: it was logged for step 10 already
---    > run:log{ step = 9, accuracy = 1 }
---    error: stdin:1: log: step: got 9, want at least 10, the last one: steps do not go back
---    > run:log{ accuracy = 1 }
---    error: stdin:1: log: step: got nil, want a whole number: outside of hud.steps nobody knows it
---    > table.concat(run:names(), " ")
---    "accuracy by/length/short"
---@param row table
function Metrics:log(row) end

---The values of a name, oldest first, for hud.plot: all of them up to a thousand,
---then every second, fourth and so on, and always the last.
---
---    > run = hud.metrics.run("curve", { every = 0 })
---    > for i = 1, 40 do run:log{ step = i, loss = 1 / i } end
---    > print(hud.plot.line(run:series("loss"), { height = 3 }))
---     1.000 ┼╮
---     0.675 ┤╰╮
---     0.350 ┤ ╰───╮
---     0.025 ┤     ╰─────────────────────────────────
---           └┬─────────┬─────────┬────────┬─────────┬
---            1        11        20       30        40
---@param name string
---@return number[]
function Metrics:series(name) end

---The names that were logged, sorted.
---
---    > run = hud.metrics.run("names", { every = 0 })
---    > run:log{ step = 1, b = 1, a = 2 }
---    > table.concat(run:names(), " ")
---    "a b"
---@return string[]
function Metrics:names() end

return metrics
