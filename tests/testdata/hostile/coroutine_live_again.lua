-- limits: coroutines=100 wall=1s; ends: limit wall
-- Every attempt beyond the limit looks for forgotten ones first.
local t = {}
for i = 1, 1e6 do
	local ok, co = pcall(coroutine.create, function() end)
	t[#t + 1] = ok and co or nil
end
