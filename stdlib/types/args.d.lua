---@meta hud.args

---Reads the script's command line. The table gives every flag its default,
---and with it its type: a number, a string or a boolean; or { default, help }
---with a line for --help. --learning-rate and --learning_rate are the same,
---a boolean has --flag and --no-flag, -- ends the flags. --help prints the
---flags and ends the script. An unknown flag or a wrong type raises.
---
---    local args = hud.args{ steps = 10, learning_rate = { 1e-5, "peak rate" } }
---    print(args.steps, args[1])  -- hudrl run x.lua --steps 3 data.jsonl
---
---    > args = hud.args{ steps = 10, learning_rate = { 1e-5, "peak rate" } }
---    > args.steps, args.learning_rate
---    10	1e-05
---@generic T: table
---@param defaults T
---@return T args  the same names with their values; what is no flag is at 1, 2, …
function hud.args(defaults) end
