---@meta _

---@class (partial) tensor
local T = {}

-- Along a dimension -----------------------------------------------------------

---Reductions take one dimension, or everything when it is left out or nil. They
---add up in 64 bits.
---
---    > x = tensor{{1, 2}, {3, 4}}
---    > x:sum(), x:sum(1)
---    10
---    [float32]
---     4 6
---    [float32 2]
---    > x:sum(2, { keepdim = true })
---     3
---     7
---    [float32 2x1]
---    > x:sum(nil, { keepdim = true })
---     10
---    [float32 1x1]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:sum(dim, opts) end

---The average.
---
---    > tensor{{1, 2}, {3, 5}}:mean(-1)
---     1.5000 4.0000
---    [float32 2]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:mean(dim, opts) end

---The variance, divided by n-1.
---
---    > tensor{1, 2, 3, 4}:var()
---    1.6667
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:var(dim, opts) end

---The square root of var; where it is 0 its gradient is 0.
---
---    > tensor{1, 2, 3, 4}:std()
---    1.2910
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:std(dim, opts) end

---The smallest; NaN if there is one; equals share the gradient.
---
---    > tensor{3, 1, 2}:min()
---    1
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:min(dim, opts) end

---The largest; NaN if there is one; equals share the gradient.
---
---    > tensor{{3, 1}, {2, 5}}:max(2)
---     3 5
---    [float32 2]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:max(dim, opts) end

---log(sum(exp(t))), without overflow.
---
---    > tensor{1000, 1000}:logsumexp()
---    1000.6932
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:logsumexp(dim, opts) end

---The product; its gradient is right with zeros too.
---
---    > tensor{1, 2, 3, 4}:prod()
---    24
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:prod(dim, opts) end

---The Euclidean norm; its gradient at 0 is 0.
---
---    > tensor{3, 4}:norm()
---    5
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:norm(dim, opts) end

---1 if an element is not 0. A tensor is true in an `if` whatever it holds: ask
---for `t:any():item() == 1`.
---
---    > x = tensor{1, 2, 3}
---    > x:gt(2):any():item() == 1
---    true
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:any(dim, opts) end

---1 if no element is 0.
---
---    > tensor{1, 0}:all()
---    0
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:all(dim, opts) end

---The position, from 1, of the largest element.
---
---    > tensor{{3, 1}, {2, 5}}:argmax(2)
---     1 2
---    [float32 2]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:argmax(dim, opts) end

---The position, from 1, of the smallest element.
---
---    > tensor{3, 1, 2}:argmin()
---    2
---    [float32]
---@param dim integer?
---@param opts? { keepdim: boolean? }
---@return tensor
function T:argmin(dim, opts) end

---exp(t) divided by its sum along a dimension.
---
---    > tensor{{0, 0}, {0, 1000}}:softmax(2)
---     0.5000 0.5000
---     0.0000 1.0000
---    [float32 2x2]
---@param dim integer
---@return tensor
function T:softmax(dim) end

---t - logsumexp(t) along a dimension: the logprobs of logits.
---
---    > tensor{0, 0}:log_softmax(1)
---     -0.6931 -0.6931
---    [float32 2]
---@param dim integer
---@return tensor
function T:log_softmax(dim) end

---The sum of the elements up to each, along a dimension.
---
---    > tensor{1, 2, 3}:cumsum(1)
---     1 3 6
---    [float32 3]
---@param dim integer
---@return tensor
function T:cumsum(dim) end

---Sums of ragged stretches of the first dimension: result k covers the
---positions after offsets[k] up to offsets[k+1]. Offsets start at 0 and end at
---the length, as data.packed.offsets does.
---
---    > tensor{1, 2, 3, 4}:segment_sum{0, 1, 4}
---     1 9
---    [float32 2]
---@param offsets integer[]|tensor
---@return tensor
function T:segment_sum(offsets) end

---Like segment_sum, the average; 0 for an empty stretch.
---
---    > tensor{1, 2, 3, 4}:segment_mean{0, 1, 1, 4}
---     1 0 3
---    [float32 3]
---@param offsets integer[]|tensor
---@return tensor
function T:segment_mean(offsets) end

---Like segment_sum, the largest; minus infinity for an empty stretch.
---
---    > tensor{1, 4, 3, 2}:segment_max{0, 1, 4}
---     1 4
---    [float32 2]
---@param offsets integer[]|tensor
---@return tensor
function T:segment_max(offsets) end

---Repeats each element for every position of its stretch.
---
---    > tensor{5, 7}:segment_expand{0, 1, 4}
---     5 7 7 7
---    [float32 4]
---@param offsets integer[]|tensor
---@return tensor
function T:segment_expand(offsets) end

---The matrix product; leading dimensions broadcast, a vector is a row on the
---left and a column on the right.
---
---    > tensor{{1, 2}, {3, 4}}:matmul(tensor{{1}, {10}})
---     21
---     43
---    [float32 2x1]
---    > tensor.zeros(2, 3):matmul(tensor.zeros(2, 3))
---    error: stdin:1: matmul: inner sizes differ: [2 3] x [2 3]
---      hint: transpose the second with :t()
---@param other tensor
---@return tensor
function T:matmul(other) end

-- Shape -----------------------------------------------------------------------

---The size of each dimension.
---
---    > tensor.zeros(2, 3):shape()
---    [2 3]
---@return integer[]
function T:shape() end

---The number of dimensions.
---
---    > tensor.zeros(2, 3):dim()
---    2
---@return integer
function T:dim() end

---The number of elements.
---
---    > tensor.zeros(2, 3):numel()
---    6
---@return integer
function T:numel() end

---Another shape for as many elements; one size may be -1.
---
---    > tensor.arange(6):reshape(2, -1)
---     0 1 2
---     3 4 5
---    [float32 2x3]
---@param ... integer|integer[]
---@return tensor
function T:reshape(...) end

---reshape that never copies.
---
---    > tensor.arange(4):view(2, 2)
---     0 1
---     2 3
---    [float32 2x2]
---@param ... integer|integer[]
---@return tensor
function T:view(...) end

---The transpose of a matrix.
---
---    > tensor{{1, 2}, {3, 4}}:t()
---     1 3
---     2 4
---    [float32 2x2]
---@return tensor
function T:t() end

---Two dimensions swapped.
---
---    > tensor.zeros(2, 3, 4):transpose(1, -1):shape()
---    [4 3 2]
---@param dim1 integer
---@param dim2 integer
---@return tensor
function T:transpose(dim1, dim2) end

---Drops dimensions of size 1: one, or all.
---
---    > tensor.zeros(1, 2, 1):squeeze():shape()
---    [2]
---@param dim integer?
---@return tensor
function T:squeeze(dim) end

---Puts in a dimension of size 1.
---
---    > tensor{1, 2}:unsqueeze(2)
---     1
---     2
---    [float32 2x1]
---@param dim integer
---@return tensor
function T:unsqueeze(dim) end

---Repeats dimensions of size 1 without copying; -1 keeps a size.
---
---    > tensor{{1}, {2}}:expand(-1, 3)
---     1 1 1
---     2 2 2
---    [float32 2x3]
---@param ... integer|integer[]
---@return tensor
function T:expand(...) end

---length positions of a dimension.
---
---    > tensor{1, 2, 3, 4}:narrow(1, 2, 2)
---     2 3
---    [float32 2]
---@param dim integer
---@param start integer
---@param length integer
---@return tensor
function T:narrow(dim, start, length) end

-- Values ----------------------------------------------------------------------

---The value of a tensor with one element.
---
---    > tensor{1, 2}:sum():item()
---    3
---@return number
function T:item() end

---Nested lists of the elements; a number for a scalar.
---
---    > tensor{{1, 2}, {3, 4}}:tolist()[2]
---    {3, 4}
---@return number|table
function T:tolist() end

---A copy; gradients flow through.
---
---    > a = tensor{1, 2}
---    > b = a:clone():zero_()
---    > a
---     1 2
---    [float32 2]
---@return tensor
function T:clone() end

---Whether shapes and values agree.
---
---    > tensor{1, 2}:equal(tensor{1, 2})
---    true
---    > tensor{1} == tensor{1}
---    false
---@param other tensor
---@return boolean
function T:equal(other) end

---Whether |a-b| <= atol + rtol*|b| everywhere.
---
---    > tensor{1}:allclose(tensor{1.001}), tensor{1}:allclose(tensor{1.001}, { rtol = 0.01 })
---    false	true
---@param other tensor
---@param opts? { rtol: number?, atol: number? } defaults 1e-5, 1e-8
---@return boolean
function T:allclose(other, opts) end
