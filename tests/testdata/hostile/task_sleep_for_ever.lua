-- limits: wall=100ms; ends: limit wall
require("hud").sleep(1 / 0)
