---@meta hud.dataset

---@class hud.dataset.Options
---@field batch_size? integer  what :batches() takes when it is given no number
---@field shuffle? boolean  each epoch in an order of its own
---@field seed? integer  of the shuffling; the run's --seed where it is left out
---@field drop_last? boolean  leave out a last batch that would be shorter

---Records in batches, from a file of JSON lines (a path, whose last part may have
---* or ? for several) or from a list.
---
---    local data = hud.dataset("train.jsonl", { shuffle = true })
---    for step, batch in hud.steps(data:batches(32, { epochs = 3 })) do
---      trainer:step(payloads(batch), { learning_rate = 1e-4 })
---    end
---
---Files are never held in memory: unshuffled they are read batch by batch, and
---shuffled by an index of 12 bytes a record. Each line is one record, decoded as
---hud.json does; blank lines are passed over, and a line that is wrong is named
---with its file and number. #data counts the records and data[i] is one of them.
---
---Which records a batch holds follows from the data, the options and the seed
---alone. An iterator made before a loop of hud.steps goes on, under
---`hudrl run --resume`, with the batch after those of the steps that were applied.
---
---Reading a file needs the capability of hud.fs: hudrl's scripts may read below the
---working directory, and more with `--allow-read DIR`.
---
---    > data = hud.dataset({ "a", "b", "c", "d", "e" }, { batch_size = 2 })
---    > for batch, epoch in data:batches() do print(epoch, table.concat(batch, " ")) end
---    1	a b
---    1	c d
---    1	e
---    > require("hud.fs").write("sums.jsonl", '{"prompt": "2+3?", "answer": 5}\n{"prompt": "4+4?", "answer": 8}\n')
---    > sums = hud.dataset("sums.jsonl", { shuffle = true })
---    > #sums, sums[2].answer
---    2	8
---    > hud.dataset("notes.txt")[1]
---    error: stdin:1: dataset: notes.txt:1: column 1: got 'h', want a value
---      hint: every line is one JSON value, of a record
---@param source string|any[]
---@param options? hud.dataset.Options
---@return hud.Dataset
function hud.dataset(source, options) end

---@class hud.Dataset
local Dataset = {}

---An iterator over batches, each a list of records: `for batch, epoch in
---data:batches(32) do`. It goes through the data once, or epochs times; with steps
---it goes on until there were so many batches. No batch holds records of two
---epochs. #batches is how many there are, and hud.steps(batches) makes each a step.
---
---    > data = hud.dataset({ 1, 2, 3 })
---    > #data:batches(2, { epochs = 3 }), #data:batches(2, { steps = 100 })
---    6	100
---    > for step, batch in hud.steps(data:batches(2)) do print(step, #batch) end
---    1	2
---    2	1
---@param batch_size? integer  the data set's own where it is left out
---@param options? { epochs: integer?, steps: integer? } one of them; epochs defaults to 1
---@return hud.Batches
function Dataset:batches(batch_size, options) end

---@class hud.Batches
local Batches = {}

---The next batch and its epoch, from 1; nil at the end. An iterator may be called
---as well.
---
---    > batches = hud.dataset({ 1, 2, 3 }):batches(2)
---    > #batches:next(), #batches(), batches:next()
---    2	1	nil
---@return any[]? batch
---@return integer? epoch
function Batches:next() end
