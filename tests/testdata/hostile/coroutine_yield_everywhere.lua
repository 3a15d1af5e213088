-- limits: ; ends: ok "0 of 14"
local y = coroutine.yield
local mt = { __index = y, __newindex = y, __call = y, __eq = y, __lt = y, __le = y, __concat = y, __add = y, __unm = y, __tostring = y }
local function m() return setmetatable({}, mt) end
local list = {
	function() return m().x end, function() m().x = 1 end, function() return m() < m() end, function() return m() .. "x" end,
	function() return m() + 1 end, function() return -m() end, function() return tostring(m()) end,
	function() return table.sort({ 3, 2, 1 }, y) end, function() return ("x"):gsub(".", y) end, function() return pcall(y) end,
	function() return xpcall(y, tostring) end, function() for _ in y do end end, function() return load(y) end,
	function() return select(2, pcall(pcall, y)) end,
}
local yielded = 0
for _, f in ipairs(list) do
	local co = coroutine.create(function() f() end)
	coroutine.resume(co)
	if coroutine.status(co) == "suspended" then yielded = yielded + 1 end
end
print(yielded .. " of " .. #list)
