-- limits: string=2e7 steps=1e9 wall=300ms; ends: limit wall
local s = ("1"):rep(1.6e7)
while true do
	pcall(function() return s + s end)
	pcall(math.pow, s, s)
	pcall(math.fmod, s, s)
	pcall(math.random, s, s)
	pcall(string.byte, "x", s, s)
	pcall(os.time, { year = s, month = s, day = s, hour = s, min = s, sec = s })
	select(s, s)
	tonumber(s, 36)
end
