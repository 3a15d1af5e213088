---@meta hud.tensor

---Tensors of 32-bit floats with gradients: `local tensor = require "hud.tensor"`.
---
---    > tensor{{1, 2}, {3, 4}} * 0.5
---     0.5000 1.0000
---     1.5000 2.0000
---    [float32 2x2]
---
---Arithmetic (+ - * / ^ and unary minus) is elementwise and broadcasts as
---NumPy does; a number may stand on either side. Methods return new tensors; a
---trailing underscore changes the tensor itself, and raises while a graph that
---was not run backwards yet needs the old values. Positions and dimensions
---count from 1, or from -1 at the end.
---
---`t[i]` is position i of the first dimension, `t[{2, 3}]` one of each, and
---`t[{ {2, 4}, {} }]` rows 2 to 4 and all columns, both ends included. All are
---views: assigning to them changes t. `t[mask] = v` changes the elements where
---mask, of t's shape, is not 0: to one value, or to as many as it selects. `#t` is the length of the first
---dimension, `==` means the same tensor, `..` shows a single element as its
---number. Comparisons are methods (lt, le, gt, ge, eq, ne): `<` raises. Past 1000
---elements a tensor is printed with three positions at each edge.
---
---    > x = tensor{{1, 2, 3}, {4, 5, 6}}
---    > x[2], x[{2, 3}]
---     4 5 6
---    [float32 3]
---    6
---    [float32]
---    > x[{ {}, {2, -1} }] = 0
---    > x
---     1 0 0
---     4 0 0
---    [float32 2x3]
---    > x[x:eq(0)] = tensor.arange(4)
---    > x
---     1 0 1
---     4 2 3
---    [float32 2x3]
---    > x < 1
---    error: stdin:1: attempt to compare userdata with number: objects are compared by methods: a tensor has a:lt(b), a:le(b), a:gt(b) and a:ge(b), which give masks
---    > tensor.arange(2000)
---        0    1    2 ... 1997 1998 1999
---    [float32 2000]
---
---Where the gradient that arrives at an element is 0, the one passed on is 0
---too: positions that a mask took out never put NaN into a gradient. Use where
---rather than a product when the value itself may be NaN or infinite.
---@class hud.tensor
---@overload fun(data: number|table|tensor): tensor
local M = {}

---A number, nested lists of numbers, or a copy of a tensor, as a constant.
---`tensor{{1,2},{3,4}}` is data; `tensor.zeros(2,3)` is a shape.
---@class tensor
---@operator add(tensor|number): tensor
---@operator sub(tensor|number): tensor
---@operator mul(tensor|number): tensor
---@operator div(tensor|number): tensor
---@operator pow(tensor|number): tensor
---@operator unm: tensor
---@operator len: integer
---@field grad tensor? the gradient collected since zero_grad; nil when none arrived
---@field [integer] tensor
local T = {}

-- Making ----------------------------------------------------------------------

---Zeros of a shape.
---
---    > tensor.zeros(2, 3)
---     0 0 0
---     0 0 0
---    [float32 2x3]
---@param ... integer|integer[] the shape
---@return tensor
function M.zeros(...) end

---Ones of a shape, given as sizes or as one list.
---
---    > tensor.ones({2}) + tensor.ones(2)
---     2 2
---    [float32 2]
---@param ... integer|integer[] the shape
---@return tensor
function M.ones(...) end

---One value in every element.
---
---    > tensor.full({2, 2}, 7)
---     7 7
---     7 7
---    [float32 2x2]
---@param shape integer[]
---@param value number
---@return tensor
function M.full(shape, value) end

---A tensor without dimensions.
---
---    > tensor.scalar(2.5)
---    2.5000
---    [float32]
---    > tensor.scalar(2.5):dim()
---    0
---@param value number
---@return tensor
function M.scalar(value) end

---0, 1, … below stop; or from start, by step.
---
---    > tensor.arange(4)
---     0 1 2 3
---    [float32 4]
---    > tensor.arange(1, 2, 0.25)
---     1.0000 1.2500 1.5000 1.7500
---    [float32 4]
---@param start number the stop, when it is the only argument
---@param stop number?
---@param step number? default 1
---@return tensor
function M.arange(start, stop, step) end

---n values from start to stop, both included.
---
---    > tensor.linspace(0, 1, 5)
---     0.0000 0.2500 0.5000 0.7500 1.0000
---    [float32 5]
---@param start number
---@param stop number
---@param n integer
---@return tensor
function M.linspace(start, stop, n) end

---Uniform in [0, 1), from the task's random stream.
---
---    > x = tensor.rand(1000)
---    > x:min():item() >= 0, x:max():item() < 1
---    true	true
---@param ... integer|integer[] the shape
---@return tensor
function M.rand(...) end

---Normal with mean 0 and standard deviation 1, from the task's random stream.
---
---    > x = tensor.randn(100, 100)
---    > x:mean():abs():item() < 0.05, x:std():round():item()
---    true	1
---@param ... integer|integer[] the shape
---@return tensor
function M.randn(...) end

---Joins tensors along a dimension.
---
---    > tensor.cat{ tensor{1, 2}, tensor{3} }
---     1 2 3
---    [float32 3]
---    > tensor.cat({ tensor{{1}, {2}}, tensor{{3}, {4}} }, 2)
---     1 3
---     2 4
---    [float32 2x2]
---@param tensors (tensor|number)[]
---@param dim integer? default 1
---@return tensor
function M.cat(tensors, dim) end

---Joins tensors of one shape along a new dimension.
---
---    > tensor.stack{ tensor{1, 2}, tensor{3, 4} }
---     1 2
---     3 4
---    [float32 2x2]
---@param tensors (tensor|number)[]
---@param dim integer? default 1
---@return tensor
function M.stack(tensors, dim) end

---a where mask is not 0, b elsewhere. It selects: neither a value nor a gradient
---of the side not chosen reaches the result, be it NaN or infinite.
---
---    > x = tensor{-1, 4}
---    > tensor.where(x:gt(0), x:log(), 0)
---     0.0000 1.3863
---    [float32 2]
---@param mask tensor|number
---@param a tensor|number
---@param b tensor|number
---@return tensor
function M.where(mask, a, b) end

-- Files -----------------------------------------------------------------------

---The tensors as a safetensors file, which other tools read: a string, within
---the host's limit for strings. Elements are written as 32-bit floats, tensors in
---the order of their names; gradients are not written.
---
---    > #tensor.save({ w = tensor{1, 2} }, { metadata = { step = "7" } })
---    104
---@param tensors table<string, tensor>
---@param opts? { metadata: table<string, string>? }
---@return string bytes
function M.save(tensors, opts) end

---The tensors of a safetensors file by name, as constants, and its metadata,
---which may be empty. Other floats become 32-bit ones; whole numbers and booleans
---do where nothing is lost, and raise otherwise.
---
---    > tensors, metadata = tensor.load(tensor.save({ w = tensor{1, 2} }, { metadata = { step = "7" } }))
---    > tensors.w, metadata.step
---     1 2
---    [float32 2]
---    "7"
---@param bytes string
---@return table<string, tensor> tensors, table<string, string> metadata
function M.load(bytes) end

-- Gradients -------------------------------------------------------------------

---Calls fn(...) without recording graphs in this task; returns what it returns.
---
---    > w = tensor{2}:requires_grad_()
---    > w * 3
---     6
---    [float32 1, grad]
---    > tensor.no_grad(function() return w * 3 end)
---     6
---    [float32 1]
---@param fn function
---@param ... any
---@return any ...
function M.no_grad(fn, ...) end

---A function g: g(params, ...) calls fn(params, ...) and returns the gradients
---of its first result, shaped like params (a tensor or nested tables), then
---everything fn returned.
---
---    > f = function(p, x) return (p.w * x):sum() + p.b end
---    > g, loss = tensor.grad(f)({ w = tensor{1, 2}, b = tensor.scalar(0.5) }, tensor{10, 20})
---    > loss, g.w, g.b
---    50.5000
---    [float32]
---     10 20
---    [float32 2]
---    1
---    [float32]
---@param fn fun(params: any, ...): tensor, ...
---@return fun(params: any, ...): any, tensor, ...
function M.grad(fn) end

---Compares the gradients of fn with finite differences; raises at the first
---element that differs, returns the largest relative error otherwise.
---
---    > tensor.gradcheck(function(x) return x:exp():sum() end, tensor{0, 1}) < 1e-3
---    true
---    > tensor.gradcheck(function(x) return (x * x:detach()):sum() end, tensor{3})
---    error: stdin:1: gradcheck: gradient of input 1 at element 1: got 3, want 6 by finite differences
---@param fn fun(...: tensor): tensor
---@param inputs tensor|tensor[]
---@param opts? { step: number?, rtol: number?, atol: number? } defaults 1/64, 1e-3, 1e-3
---@return number
function M.gradcheck(fn, inputs, opts) end

---Makes the tensor a leaf that collects gradients.
---
---    > tensor{1, 2}:requires_grad_()
---     1 2
---    [float32 2, grad]
---@return tensor self
function T:requires_grad_() end

---Adds the gradient of this tensor, which has one element, to the grad of every
---leaf behind it. A graph is used up by it.
---
---    > w = tensor{1, 2}:requires_grad_()
---    > w:square():sum():backward()
---    > w.grad
---     2 4
---    [float32 2]
---@param opts? { retain_graph: boolean? }
function T:backward(opts) end

---Forgets grad.
---
---    > w = tensor{1, 2}:requires_grad_()
---    > w:sum():backward()
---    > w:zero_grad()
---    > w.grad
---    nil
function T:zero_grad() end

---The same elements, without gradient.
---
---    > w = tensor{1, 2}:requires_grad_()
---    > w:detach()
---     1 2
---    [float32 2]
---@return tensor
function T:detach() end

return M
