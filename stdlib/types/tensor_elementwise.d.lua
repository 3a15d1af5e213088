---@meta _

---@class (partial) tensor
local T = {}

-- Elementwise -----------------------------------------------------------------

---t + other.
---
---    > tensor{1, 2}:add(tensor{10, 20})
---     11 22
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:add(other) end

---t - other.
---
---    > tensor{1, 2}:sub(1)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:sub(other) end

---t * other, element by element.
---
---    > tensor{{1, 2}, {3, 4}}:mul(tensor{1, 10})
---      1 20
---      3 40
---    [float32 2x2]
---@param other tensor|number
---@return tensor
function T:mul(other) end

---t / other.
---
---    > tensor{1, 2}:div(4)
---     0.2500 0.5000
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:div(other) end

---t ^ other.
---
---    > tensor{1, 2, 3}:pow(2)
---     1 4 9
---    [float32 3]
---@param other tensor|number
---@return tensor
function T:pow(other) end

---The smaller of the two; at a tie each gets half the gradient.
---
---    > tensor{1, 5}:minimum(tensor{4, 2})
---     1 2
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:minimum(other) end

---The larger of the two; at a tie each gets half the gradient.
---
---    > tensor{-1, 5}:maximum(0)
---     0 5
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:maximum(other) end

---e to the power of each element.
---
---    > tensor{0, 1}:exp()
---     1.0000 2.7183
---    [float32 2]
---@return tensor
function T:exp() end

---The natural logarithm; minus infinity at 0, NaN below.
---
---    > tensor{1, 0, -1}:log()
---        0 -inf  nan
---    [float32 3]
---@return tensor
function T:log() end

---log(1+t), exact for small t.
---
---    > tensor{0, 1e-6}:log1p()
---     0.0000e+00 1.0000e-06
---    [float32 2]
---@return tensor
function T:log1p() end

---exp(t)-1, exact for small t.
---
---    > tensor{0, 1e-6}:expm1()
---     0.0000e+00 1.0000e-06
---    [float32 2]
---@return tensor
function T:expm1() end

---The square root; NaN below 0.
---
---    > tensor{4, 2}:sqrt()
---     2.0000 1.4142
---    [float32 2]
---@return tensor
function T:sqrt() end

---The absolute value; its gradient at 0 is 0.
---
---    > tensor{-2, 3}:abs()
---     2 3
---    [float32 2]
---@return tensor
function T:abs() end

---Minus t.
---
---    > tensor{-2, 3}:neg()
---      2 -3
---    [float32 2]
---@return tensor
function T:neg() end

---1/(1+exp(-t)).
---
---    > tensor{0, 2}:sigmoid()
---     0.5000 0.8808
---    [float32 2]
---@return tensor
function T:sigmoid() end

---log(sigmoid(t)), without overflow.
---
---    > tensor{0, -200}:logsigmoid()
---       -0.6931 -200.0000
---    [float32 2]
---@return tensor
function T:logsigmoid() end

---log(1+exp(t)), without overflow.
---
---    > tensor{0, 200}:softplus()
---       0.6931 200.0000
---    [float32 2]
---@return tensor
function T:softplus() end

---The hyperbolic tangent.
---
---    > tensor{0, 1}:tanh()
---     0.0000 0.7616
---    [float32 2]
---@return tensor
function T:tanh() end

---The larger of t and 0; its gradient at 0 is 0.
---
---    > tensor{-1, 2}:relu()
---     0 2
---    [float32 2]
---@return tensor
function T:relu() end

---t * t.
---
---    > tensor{-3, 2}:square()
---     9 4
---    [float32 2]
---@return tensor
function T:square() end

---1, 0 or -1; gradient 0.
---
---    > tensor{-3, 0, 2}:sign()
---     -1  0  1
---    [float32 3]
---@return tensor
function T:sign() end

---The largest whole number not above t; gradient 0.
---
---    > tensor{-0.5, 1.5}:floor()
---     -1  1
---    [float32 2]
---@return tensor
function T:floor() end

---To the nearest integer, the even one of two; gradient 0.
---
---    > tensor{0.5, 1.5, 2.4}:round()
---     0 2 2
---    [float32 3]
---@return tensor
function T:round() end

---Limits to [min, max]; the gradient is 1 inside and at the bounds.
---
---    > tensor{-3, 0.5, 3}:clamp{ min = -1, max = 1 }
---     -1.0000  0.5000  1.0000
---    [float32 3]
---    > tensor{-3, 0.5, 3}:clamp{ max = 1 }
---     -3.0000  0.5000  1.0000
---    [float32 3]
---@param opts { min: number?, max: number? }
---@return tensor
function T:clamp(opts) end

---1 where equal, 0 elsewhere. Comparisons and logic have no gradient.
---
---    > tensor{1, 2}:eq(tensor{1, 3})
---     1 0
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:eq(other) end

---1 where different.
---
---    > tensor{1, 2}:ne(1)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:ne(other) end

---1 where t < other.
---
---    > tensor{1, 2}:lt(2)
---     1 0
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:lt(other) end

---1 where t <= other.
---
---    > tensor{1, 2, 3}:le(2)
---     1 1 0
---    [float32 3]
---@param other tensor|number
---@return tensor
function T:le(other) end

---1 where t > other.
---
---    > tensor{1, 2}:gt(1)
---     0 1
---    [float32 2]
---@param other tensor|number
---@return tensor
function T:gt(other) end

---1 where t >= other.
---
---    > tensor{1, 2, 3}:ge(2)
---     0 1 1
---    [float32 3]
---@param other tensor|number
---@return tensor
function T:ge(other) end

---1 where both are not 0.
---
---    > x = tensor{1, 2, 3}
---    > x:gt(1):land(x:lt(3))
---     0 1 0
---    [float32 3]
---@param other tensor|number
---@return tensor
function T:land(other) end

---1 where either is not 0.
---
---    > tensor{0, 1, 0}:lor(tensor{0, 1, 1})
---     0 1 1
---    [float32 3]
---@param other tensor|number
---@return tensor
function T:lor(other) end

---1 where the tensor is 0.
---
---    > tensor{0, 1}:lnot()
---     1 0
---    [float32 2]
---@return tensor
function T:lnot() end
