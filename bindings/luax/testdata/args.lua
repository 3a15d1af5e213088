local m = require "m"
assert(m.step({1, 2}, {learning_rate = 1e-4}) == "2 0.0001 0.5 1 ppo false - false", m.step({1, 2}, {learning_rate = 1e-4}))
assert(m.step({}, {learning_rate = 1, weight_decay = 2, num_substeps = 3, loss_fn = "cispo", verbose = true, name = "x"}) == "0 1 2 3 cispo true x true")
assert(m.kinds("a", 1, true, print, {}) == 0)
assert(m.kinds("a", 1, true, print, {}, "b", 2, false, print, {}, 1, nil, 3) == 3)
---
require("m").step()                                     --! ^step: batch: got nil, want table$
---
require("m").step(5)                                    --! ^step: batch: got number, want table$
---
require("m").step({})                                   --! ^step: learning_rate: got nil, want number$
---
require("m").step({}, 1e-4)                             --! ^step: options: got number, want table$
---
require("m").step({}, {learning_rat = 1})               --! ^step: unknown option "learning_rat" \(did you mean "learning_rate"\?\)$
---
-- a name from the end of the list
require("m").step({}, {nme = 1})                        --! unknown option "nme" \(did you mean "name"\?\)
---
require("m").step({}, {zzzzzz = 1})                     --! ^step: unknown option "zzzzzz" \(step takes learning_rate, weight_decay, .*, name\)$
---
require("m").step({}, {1, learning_rate = 1})           --! ^step: options: got a key of type number, want names
---
require("m").step({}, {learning_rate = "1e-4"})         --! ^step: learning_rate: got string, want number$
---
require("m").step({}, {learning_rate = 1, num_substeps = 1.5}) --! ^step: num_substeps: got 1.5, want a whole number$
---
require("m").step({}, {learning_rate = 1, loss_fn = "pp0"}) --! ^step: loss_fn: got "pp0", want one of ppo, cispo, importance_sampling \(did you mean "ppo"\?\)$
---
require("m").step({}, {learning_rate = 1, verbose = 1}) --! ^step: verbose: got number, want boolean$
---
require("m").step({}, {learning_rate = 1, callback = 1}) --! ^step: callback: got number, want function$
---
require("m").step({}, {learning_rate = 1}, 3)           --! ^step: got 3 arguments, want at most 2$
---
require("m").kinds("a", 2^60)                           --! ^kinds: i: got 1.1529215046068e\+18, want a whole number up to 2\^53$
---
require("m").kinds("a", 1, true, print, nil)            --! ^kinds: v: got nil, want a value$
---
local m = require "m"
local i, f, s = m.ids({0, 5, 2147483647}, {0.5, -1}, {"a", "b"})
assert(#i == 3 and i[3] == 2147483647 and f[1] == 0.5 and s[2] == "b")
---
require("m").ids({1, "2"}, {}, {})                      --! ^ids: tokens\[2\]: got string, want number$
---
require("m").ids({1, 2.5}, {}, {})                      --! ^ids: tokens\[2\]: got 2.5, want a whole number in range$
---
require("m").ids({2147483648}, {}, {})                  --! ^ids: tokens\[1\]: got 2147483648, want a whole number in range$
---
require("m").ids({0/0}, {}, {})                         --! ^ids: tokens\[1\]: got nan, want a whole number in range$
---
require("m").ids({}, {}, {1})                           --! ^ids: names\[1\]: got number, want string$
---
require("m").stp({})                                    --! ^m: no such name: "stp" \(did you mean "step"\?\)$
---
assert(tostring(require("m").record()) == "record of 3")
