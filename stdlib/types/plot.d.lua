---@meta hud.plot

---Charts as text.
---@class hud.plot
local plot = {}

---@class hud.plot.LineOptions
---@field title? string  below the chart
---@field width? integer  columns of the plotting area, at most 1000; by default 40 to 72
---@field height? integer  rows, at most 200; by default 10
---@field min? number  the lowest value shown, if the data go no lower
---@field max? number  the highest value shown, if the data go no higher

---A line chart. NaN and infinite values leave a gap.
---
---    print(hud.plot.line({ 0.5, 0.6, 0.9 }, { title = "reward" }))
---    print(hud.plot.line({ train = a, held_out = b }))
---
---    > print(hud.plot.line({ 1, 2, 3 }, { width = 10, height = 3 }))
---     3.00 ┤        ╭
---     2.33 ┤      ╭─╯
---     1.67 ┤  ╭───╯
---     1.00 ┼──╯
---          └┬────┬───┬
---           1    2   3
---@param series number[]|table<string, number[]>  one list, or several by name
---@param options? hud.plot.LineOptions
---@return string
function plot.line(series, options) end

---A bar of value between 0 and max, always width columns wide.
---
---    > hud.plot.bar(0.5, 8)
---    "████    "
---@param value number
---@param width integer  1 to 1000
---@param max? number  the value of a full bar; 1 by default
---@return string
function plot.bar(value, width, max) end

return plot
