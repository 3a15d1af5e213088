-- limits: steps=1e8 wall=500ms string=16777216; ends: limit wall
local json = require("hud").json
local s, u = ("\1"):rep(2 ^ 24), '"' .. ("\\u0041"):rep(2 ^ 21) .. '"'
while true do
	pcall(json.encode, s)
	pcall(json.decode, u)
end
