-- Self-play: two sides take 1, 2 or 3 from a pile, whoever takes the last one
-- wins. Both sides are the model being trained; each game is a group of two
-- trajectories with rewards 1 and 0. At the end it plays its frozen start.
local hud = require "hud"
local args = hud.args{ model = "hudrl/mini", steps = 30, games = 64, learning_rate = 3e-4, exam = 200, pile = 12 }

local function move(answer, pile) -- nil when the text is no legal move
  local n = tonumber(answer)
  if n and n >= 1 and n <= 3 and n <= pile and n == math.floor(n) then return n end
end

-- Plays one game between two callables; returns 1 or 2, the winner. An illegal
-- move loses.
local function play(pile, players)
  local turn = 1
  while true do
    local taken = move(players[turn](pile), pile)
    if not taken then return 3 - turn end
    pile = pile - taken
    if pile == 0 then return turn end
    turn = 3 - turn
  end
end

local function ask(pile) return ("The pile has %d. Take 1, 2 or 3."):format(pile) end

local fork = hud.models.fork(args.model, "selfplay")
local trainer = hud.TrainingClient(fork.model_name)

-- Every move is a conversation of its own; its sample joins its side's list.
local function recorder(model, samples, seed)
  local turn = 0
  return function(pile)
    turn = turn + 1
    local reply = hud.chat{
      model = model, messages = { { role = "user", content = ask(pile) } },
      max_tokens = 4, temperature = 1, seed = hud.rng.derive(seed, turn), return_token_ids = true,
    }
    if samples then samples[#samples + 1] = reply.sample end
    return reply.text
  end
end

local function pair(seed) -- the two sides of one game, as payloads in move order
  local r = hud.rng.stream("pile", seed)
  local sides = { {}, {} }
  local winner = play(r:int(4, args.pile), {
    recorder(fork.model_name, sides[1], hud.rng.derive("first", seed)),
    recorder(fork.model_name, sides[2], hud.rng.derive("second", seed)),
  })
  local payloads = {}
  for side, samples in ipairs(sides) do
    if #samples == 0 then return nil end -- an illegal first move: the other side never played
    payloads[side] = hud.TrajectoryPayload{ samples = samples, reward = side == winner and 1 or 0 }
  end
  return payloads
end

local function seq(from, n)
  local list = {}
  for i = 1, n do list[i] = from + i end
  return list
end

local schedule = hud.schedule.linear(args.learning_rate, 0, args.steps)
for step in hud.steps(args.steps) do
  local batch, moves = {}, 0
  for _, payloads in pairs(hud.map(seq(step * args.games, args.games), pair)) do
    for _, p in ipairs(payloads or {}) do
      batch[#batch + 1] = p
      moves = moves + #p.samples
    end
  end
  trainer:step(batch, { learning_rate = schedule(step), group_size = 2 })
  if step % 5 == 0 then print(("step %3d  %d games, %.1f moves a game"):format(step, #batch / 2, moves * 2 / #batch)) end
end

local wins = 0
local results = hud.map(seq(0, args.exam), function(i)
  local r = hud.rng.stream("exam", i)
  local trained = i % 2 + 1 -- each side begins half of the games
  local players = {}
  players[trained] = recorder(fork.model_name, nil, hud.rng.derive("trained", i))
  players[3 - trained] = recorder(args.model, nil, hud.rng.derive("frozen", i))
  return play(r:int(4, args.pile), players) == trained
end)
for _, won in ipairs(results) do if won then wins = wins + 1 end end
print(("the trained side wins %d of %d games against its frozen start"):format(wins, args.exam))
