-- Fine-tuning on a file of JSON lines, a prompt and its answer in each:
--
--   hudrl run scripts/finetune.lua --file train.jsonl --epochs 2
--
-- Each epoch has an order of its own, which follows from --seed. A run that was
-- interrupted goes on with --resume, with exactly the next batch. Without --file
-- it teaches the three times table.
local hud = require "hud"
local args = hud.args{
  model = "hudrl/mini", epochs = 3, batch = 16, learning_rate = 1e-3,
  file = { "", 'JSON lines, {"prompt": …, "answer": …} each' },
}

local source = args.file
if source == "" then
  source = {}
  for n = 1, 160 do source[n] = { prompt = ("Triple %d."):format(n), answer = tostring(3 * n) } end
end
local data = hud.dataset(source, { shuffle = true })
local batches = data:batches(args.batch, { epochs = args.epochs })

local fork = hud.models.fork(args.model, "finetune")
local trainer = hud.TrainingClient(fork.model_name)
local schedule = hud.schedule.cosine(args.learning_rate, args.learning_rate * 0.1, #batches)
local run = hud.metrics.run() -- prints a line for each step, and keeps metrics.jsonl

for step, batch, epoch in hud.steps(batches) do
  local payloads = {}
  for i, record in ipairs(batch) do
    payloads[i] = hud.sft{ { role = "user", content = record.prompt }, { role = "assistant", content = record.answer } }
  end
  local result = trainer:step(payloads, { loss_fn = "cross_entropy", learning_rate = schedule(step) })
  local m = result.forward_backward.metrics
  run:log{ epoch = epoch, nll = m["loss:sum"] / m["tokens:sum"], learning_rate = schedule(step) }
end

print(hud.plot.line(run:series("nll"), { title = "mean nll of an answer's token, by step" }))
print(("%d records, %d steps: hudrl chat %s %q"):format(#data, #batches, fork.model_name, data[1].prompt))
