---@meta _

---@class (partial) tensor
local T = {}

-- In place --------------------------------------------------------------------

---Sets every element to 0.
---
---    > tensor{1, 2}:zero_()
---     0 0
---    [float32 2]
---@return tensor self
function T:zero_() end

---Sets every element to a value.
---
---    > tensor{1, 2}:fill_(7)
---     7 7
---    [float32 2]
---@param value number
---@return tensor self
function T:fill_(value) end

---Takes the elements of other, which may broadcast.
---
---    > tensor{1, 2}:copy_(tensor{3, 4})
---     3 4
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:copy_(other) end

---add, in place.
---
---    > tensor{1, 2}:add_(1)
---     2 3
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:add_(other) end

---sub, in place.
---
---    > w = tensor{1, 2}:requires_grad_()
---    > (w * 3):sum():backward()
---    > w:sub_(w.grad * 0.5)
---     -0.5000  0.5000
---    [float32 2, grad]
---@param other tensor|number
---@return tensor self
function T:sub_(other) end

---mul, in place.
---
---    > tensor{1, 2}:mul_(3)
---     3 6
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:mul_(other) end

---div, in place.
---
---    > tensor{1, 2}:div_(2)
---     0.5000 1.0000
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:div_(other) end

---pow, in place.
---
---    > tensor{2, 3}:pow_(2)
---     4 9
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:pow_(other) end

---minimum, in place.
---
---    > tensor{1, 5}:minimum_(2)
---     1 2
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:minimum_(other) end

---maximum, in place.
---
---    > tensor{1, 5}:maximum_(2)
---     2 5
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:maximum_(other) end

---eq, in place.
---
---    > tensor{1, 5}:eq_(5)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:eq_(other) end

---ne, in place.
---
---    > tensor{1, 5}:ne_(5)
---     1 0
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:ne_(other) end

---lt, in place.
---
---    > tensor{1, 5}:lt_(5)
---     1 0
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:lt_(other) end

---le, in place.
---
---    > tensor{1, 5}:le_(5)
---     1 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:le_(other) end

---gt, in place.
---
---    > tensor{1, 5}:gt_(1)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:gt_(other) end

---ge, in place.
---
---    > tensor{1, 5}:ge_(1)
---     1 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:ge_(other) end

---land, in place.
---
---    > tensor{0, 5}:land_(1)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:land_(other) end

---lor, in place.
---
---    > tensor{0, 5}:lor_(0)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor self
function T:lor_(other) end

---exp, in place.
---
---    > tensor{0, 1}:exp_()
---     1.0000 2.7183
---    [float32 2]
---@return tensor self
function T:exp_() end

---log, in place.
---
---    > tensor{1, 2}:log_()
---     0.0000 0.6931
---    [float32 2]
---@return tensor self
function T:log_() end

---log1p, in place.
---
---    > tensor{0, 1}:log1p_()
---     0.0000 0.6931
---    [float32 2]
---@return tensor self
function T:log1p_() end

---expm1, in place.
---
---    > tensor{0, 1}:expm1_()
---     0.0000 1.7183
---    [float32 2]
---@return tensor self
function T:expm1_() end

---sqrt, in place.
---
---    > tensor{4, 9}:sqrt_()
---     2 3
---    [float32 2]
---@return tensor self
function T:sqrt_() end

---abs, in place.
---
---    > tensor{-4, 9}:abs_()
---     4 9
---    [float32 2]
---@return tensor self
function T:abs_() end

---neg, in place.
---
---    > tensor{-4, 9}:neg_()
---      4 -9
---    [float32 2]
---@return tensor self
function T:neg_() end

---sigmoid, in place.
---
---    > tensor{0, 1}:sigmoid_()
---     0.5000 0.7311
---    [float32 2]
---@return tensor self
function T:sigmoid_() end

---logsigmoid, in place.
---
---    > tensor{0, 1}:logsigmoid_()
---     -0.6931 -0.3133
---    [float32 2]
---@return tensor self
function T:logsigmoid_() end

---softplus, in place.
---
---    > tensor{0, 1}:softplus_()
---     0.6931 1.3133
---    [float32 2]
---@return tensor self
function T:softplus_() end

---tanh, in place.
---
---    > tensor{0, 1}:tanh_()
---     0.0000 0.7616
---    [float32 2]
---@return tensor self
function T:tanh_() end

---relu, in place.
---
---    > tensor{-4, 9}:relu_()
---     0 9
---    [float32 2]
---@return tensor self
function T:relu_() end

---square, in place.
---
---    > tensor{-4, 9}:square_()
---     16 81
---    [float32 2]
---@return tensor self
function T:square_() end

---sign, in place.
---
---    > tensor{-4, 9}:sign_()
---     -1  1
---    [float32 2]
---@return tensor self
function T:sign_() end

---floor, in place.
---
---    > tensor{1.5, -1.5}:floor_()
---      1 -2
---    [float32 2]
---@return tensor self
function T:floor_() end

---round, in place.
---
---    > tensor{1.5, -1.2}:round_()
---      2 -1
---    [float32 2]
---@return tensor self
function T:round_() end

---lnot, in place.
---
---    > tensor{0, 9}:lnot_()
---     1 0
---    [float32 2]
---@return tensor self
function T:lnot_() end

---clamp, in place.
---
---    > tensor{-4, 9}:clamp_{ min = 0 }
---     0 9
---    [float32 2]
---@param opts { min: number?, max: number? }
---@return tensor self
function T:clamp_(opts) end
