-- limits: string=1e7 heap=4e8; ends: limit heap
local hud = require "hud"
local s = "[" .. ("[],"):rep(3e6) .. "[]]"
local keep = {}
while true do keep[#keep + 1] = hud.json.decode(s) end
