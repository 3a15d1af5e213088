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
---views: assigning to them changes t. `#t` is the length of the first
---dimension, `==` means the same tensor, `..` shows a single element as its
---number. Comparisons are methods (lt, le, gt, ge, eq, ne): `<` raises.
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

-- Making ---------------------------------------------------------------------

---@param ... integer|integer[] the shape
---@return tensor
function M.zeros(...) end

---@param ... integer|integer[] the shape
---@return tensor
function M.ones(...) end

---@param shape integer[]
---@param value number
---@return tensor
function M.full(shape, value) end

---A tensor without dimensions.
---@param value number
---@return tensor
function M.scalar(value) end

---0, 1, … below stop; or from start, by step.
---@param start number the stop, when it is the only argument
---@param stop number?
---@param step number? default 1
---@return tensor
function M.arange(start, stop, step) end

---n values from start to stop, both included.
---@param start number
---@param stop number
---@param n integer
---@return tensor
function M.linspace(start, stop, n) end

---Uniform in [0, 1), from the task's random stream.
---@param ... integer|integer[] the shape
---@return tensor
function M.rand(...) end

---Normal with mean 0 and standard deviation 1, from the task's random stream.
---@param ... integer|integer[] the shape
---@return tensor
function M.randn(...) end

---Joins tensors along a dimension.
---@param tensors (tensor|number)[]
---@param dim integer? default 1
---@return tensor
function M.cat(tensors, dim) end

---Joins tensors of one shape along a new dimension.
---@param tensors (tensor|number)[]
---@param dim integer? default 1
---@return tensor
function M.stack(tensors, dim) end

---a where mask is not 0, b elsewhere. It selects: neither a value nor a gradient
---of the side not chosen reaches the result, be it NaN or infinite.
---@param mask tensor|number
---@param a tensor|number
---@param b tensor|number
---@return tensor
function M.where(mask, a, b) end

-- Files ----------------------------------------------------------------------

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

-- Gradients ------------------------------------------------------------------

---Calls fn(...) without recording graphs in this task; returns what it returns.
---@param fn function
---@param ... any
---@return any ...
function M.no_grad(fn, ...) end

---A function g: g(params, ...) calls fn(params, ...) and returns the gradients
---of its first result, shaped like params (a tensor or nested tables), then
---everything fn returned.
---@param fn fun(params: any, ...): tensor, ...
---@return fun(params: any, ...): any, tensor, ...
function M.grad(fn) end

---Compares the gradients of fn with finite differences; raises at the first
---element that differs, returns the largest relative error otherwise.
---@param fn fun(...: tensor): tensor
---@param inputs tensor|tensor[]
---@param opts? { step: number?, rtol: number?, atol: number? } defaults 1/64, 1e-3, 1e-3
---@return number
function M.gradcheck(fn, inputs, opts) end

---Makes the tensor a leaf that collects gradients.
---@return tensor self
function T:requires_grad_() end

---Adds the gradient of this tensor, which has one element, to the grad of every
---leaf behind it. A graph is used up by it.
---@param opts? { retain_graph: boolean? }
function T:backward(opts) end

---Forgets grad.
function T:zero_grad() end

---The same elements, without gradient.
---@return tensor
function T:detach() end

-- Elementwise ----------------------------------------------------------------

---@param other tensor|number
---@return tensor
function T:add(other) end
---@param other tensor|number
---@return tensor
function T:sub(other) end
---@param other tensor|number
---@return tensor
function T:mul(other) end
---@param other tensor|number
---@return tensor
function T:div(other) end
---@param other tensor|number
---@return tensor
function T:pow(other) end
---The smaller of the two; at a tie each gets half the gradient.
---@param other tensor|number
---@return tensor
function T:minimum(other) end
---The larger of the two; at a tie each gets half the gradient.
---@param other tensor|number
---@return tensor
function T:maximum(other) end

---@return tensor
function T:exp() end
---@return tensor
function T:log() end
---log(1+t), exact for small t.
---@return tensor
function T:log1p() end
---exp(t)-1, exact for small t.
---@return tensor
function T:expm1() end
---@return tensor
function T:sqrt() end
---@return tensor
function T:abs() end
---@return tensor
function T:neg() end
---@return tensor
function T:sigmoid() end
---log(sigmoid(t)), without overflow.
---@return tensor
function T:logsigmoid() end
---log(1+exp(t)), without overflow.
---@return tensor
function T:softplus() end
---@return tensor
function T:tanh() end
---@return tensor
function T:relu() end
---@return tensor
function T:square() end
---1, 0 or -1; gradient 0.
---@return tensor
function T:sign() end
---Gradient 0.
---@return tensor
function T:floor() end
---To the nearest integer, the even one of two; gradient 0.
---@return tensor
function T:round() end
---Limits to [min, max]; the gradient is 1 inside and at the bounds.
---@param opts { min: number?, max: number? }
---@return tensor
function T:clamp(opts) end

---1 where equal, 0 elsewhere. Comparisons and logic have no gradient.
---@param other tensor|number
---@return tensor
function T:eq(other) end
---@param other tensor|number
---@return tensor
function T:ne(other) end
---@param other tensor|number
---@return tensor
function T:lt(other) end
---@param other tensor|number
---@return tensor
function T:le(other) end
---@param other tensor|number
---@return tensor
function T:gt(other) end
---@param other tensor|number
---@return tensor
function T:ge(other) end
---1 where both are not 0.
---@param other tensor|number
---@return tensor
function T:land(other) end
---1 where either is not 0.
---@param other tensor|number
---@return tensor
function T:lor(other) end
---1 where the tensor is 0.
---@return tensor
function T:lnot() end

-- Along a dimension ----------------------------------------------------------

---Reductions take one dimension, or everything when it is left out. They add
---up in 64 bits.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:sum(dim, opts) end
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:mean(dim, opts) end
---Divided by n-1.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:var(dim, opts) end
---Divided by n-1; where it is 0 its gradient is 0.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:std(dim, opts) end
---NaN if there is one; equals share the gradient.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:min(dim, opts) end
---NaN if there is one; equals share the gradient.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:max(dim, opts) end
---log(sum(exp(t))), without overflow.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:logsumexp(dim, opts) end
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:prod(dim, opts) end
---The Euclidean norm.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:norm(dim, opts) end
---1 if an element is not 0. A tensor is true in an `if` whatever it holds: ask
---for `t:any():item() == 1`.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:any(dim, opts) end
---1 if no element is 0.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:all(dim, opts) end
---The position, from 1, of the largest element.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:argmax(dim, opts) end
---The position, from 1, of the smallest element.
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:argmin(dim, opts) end

---@param dim integer
---@return tensor
function T:softmax(dim) end
---@param dim integer
---@return tensor
function T:log_softmax(dim) end
---@param dim integer
---@return tensor
function T:cumsum(dim) end

---Sums of ragged stretches of the first dimension: result k covers the
---positions after offsets[k] up to offsets[k+1]. Offsets start at 0 and end at
---the length, as data.packed.offsets does.
---@param offsets integer[]|tensor
---@return tensor
function T:segment_sum(offsets) end
---0 for an empty stretch.
---@param offsets integer[]|tensor
---@return tensor
function T:segment_mean(offsets) end
---Minus infinity for an empty stretch.
---@param offsets integer[]|tensor
---@return tensor
function T:segment_max(offsets) end
---Repeats each element for every position of its stretch.
---@param offsets integer[]|tensor
---@return tensor
function T:segment_expand(offsets) end

---The matrix product; leading dimensions broadcast, a vector is a row on the
---left and a column on the right.
---@param other tensor
---@return tensor
function T:matmul(other) end

-- Shape ----------------------------------------------------------------------

---@return integer[]
function T:shape() end
---The number of dimensions.
---@return integer
function T:dim() end
---The number of elements.
---@return integer
function T:numel() end
---Another shape for as many elements; one size may be -1.
---@param ... integer|integer[]
---@return tensor
function T:reshape(...) end
---reshape that never copies.
---@param ... integer|integer[]
---@return tensor
function T:view(...) end
---The transpose of a matrix.
---@return tensor
function T:t() end
---@param dim1 integer
---@param dim2 integer
---@return tensor
function T:transpose(dim1, dim2) end
---Drops dimensions of size 1: one, or all.
---@param dim integer?
---@return tensor
function T:squeeze(dim) end
---Puts in a dimension of size 1.
---@param dim integer
---@return tensor
function T:unsqueeze(dim) end
---Repeats dimensions of size 1 without copying; -1 keeps a size.
---@param ... integer|integer[]
---@return tensor
function T:expand(...) end
---length positions of a dimension.
---@param dim integer
---@param start integer
---@param length integer
---@return tensor
function T:narrow(dim, start, length) end

-- Values ---------------------------------------------------------------------

---The value of a tensor with one element.
---@return number
function T:item() end
---Nested lists of the elements; a number for a scalar.
---@return number|table
function T:tolist() end
---A copy; gradients flow through.
---@return tensor
function T:clone() end
---Whether shapes and values agree.
---@param other tensor
---@return boolean
function T:equal(other) end
---Whether |a-b| <= atol + rtol*|b| everywhere.
---@param other tensor
---@param opts? { rtol: number?, atol: number? } defaults 1e-5, 1e-8
---@return boolean
function T:allclose(other, opts) end

-- In place -------------------------------------------------------------------

---@return tensor self
function T:zero_() end
---@param value number
---@return tensor self
function T:fill_(value) end
---@param other tensor|number
---@return tensor self
function T:copy_(other) end
---@param other tensor|number
---@return tensor self
function T:add_(other) end
---@param other tensor|number
---@return tensor self
function T:sub_(other) end
---@param other tensor|number
---@return tensor self
function T:mul_(other) end
---@param other tensor|number
---@return tensor self
function T:div_(other) end
---@param other tensor|number
---@return tensor self
function T:pow_(other) end
---@param other tensor|number
---@return tensor self
function T:minimum_(other) end
---@param other tensor|number
---@return tensor self
function T:maximum_(other) end
---@param other tensor|number
---@return tensor self
function T:eq_(other) end
---@param other tensor|number
---@return tensor self
function T:ne_(other) end
---@param other tensor|number
---@return tensor self
function T:lt_(other) end
---@param other tensor|number
---@return tensor self
function T:le_(other) end
---@param other tensor|number
---@return tensor self
function T:gt_(other) end
---@param other tensor|number
---@return tensor self
function T:ge_(other) end
---@param other tensor|number
---@return tensor self
function T:land_(other) end
---@param other tensor|number
---@return tensor self
function T:lor_(other) end
---@return tensor self
function T:exp_() end
---@return tensor self
function T:log_() end
---@return tensor self
function T:log1p_() end
---@return tensor self
function T:expm1_() end
---@return tensor self
function T:sqrt_() end
---@return tensor self
function T:abs_() end
---@return tensor self
function T:neg_() end
---@return tensor self
function T:sigmoid_() end
---@return tensor self
function T:logsigmoid_() end
---@return tensor self
function T:softplus_() end
---@return tensor self
function T:tanh_() end
---@return tensor self
function T:relu_() end
---@return tensor self
function T:square_() end
---@return tensor self
function T:sign_() end
---@return tensor self
function T:floor_() end
---@return tensor self
function T:round_() end
---@return tensor self
function T:lnot_() end
---@param opts { min: number?, max: number? }
---@return tensor self
function T:clamp_(opts) end

return M
