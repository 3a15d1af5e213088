---@meta hud.plot

---Charts as text and as SVG.
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

---@class hud.plot.SVGOptions
---@field title? string  above the chart
---@field width? integer  pixels, 80 to 4000; 640 by default
---@field height? integer  pixels, 80 to 4000; 320 by default
---@field min? number  the lowest value shown, if the data go no lower
---@field max? number  the highest value shown, if the data go no higher
---@field x? number[]  where each value is, ascending, such as its step; 1, 2, 3, … by default

---A line chart as an SVG document, for a file or a page. NaN and infinite values
---leave a gap; of a series longer than the chart is wide no spike is lost. At
---most 64 series.
---
---    hud.fs.write("reward.svg", hud.plot.svg(rewards, { title = "mean reward by step" }))
---
---    > hud.plot.svg({ 1, 2, 3 }):match("^<svg [^>]*")
---    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 320\" width=\"640\" height=\"320\" role=\"img\" aria-label=\"\" font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\""
---@param series number[]|table<string, number[]>  one list, or several by name
---@param options? hud.plot.SVGOptions
---@return string
function plot.svg(series, options) end

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
