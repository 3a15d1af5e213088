package tensor_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/tests/golden"
)

// calls is how a script calls the operation of a golden case: by its method, by
// its operator where there is one, and in place. All must give the same. p holds
// the parameters as the case has them, counted from 0.
const calls = `
local tensor = require "hud.tensor"
local operators = {
	add = function(a, b) return a + b end, sub = function(a, b) return a - b end, mul = function(a, b) return a * b end,
	div = function(a, b) return a / b end, pow = function(a, b) return a ^ b end, neg = function(a) return -a end,
}
local function lua(d) return d and (d < 0 and d or d + 1) end   -- a dimension or a position
local special = {
	where = function(p, m, a, b) return tensor.where(m, a, b) end,
	clamp = function(p, x) return x:clamp{ min = p.min, max = p.max } end,
	segment_sum = function(p, x) return x:segment_sum(p.offsets) end,
	segment_mean = function(p, x) return x:segment_mean(p.offsets) end,
	segment_max = function(p, x) return x:segment_max(tensor(p.offsets)) end,
	segment_expand = function(p, x) return x:segment_expand(p.offsets) end,
	reshape = function(p, x) return x:reshape(p.sizes) end,
	expand = function(p, x) return x:expand(unpack(p.sizes)) end,
	transpose = function(p, x) return x:transpose(lua(p.dims[1]), lua(p.dims[2])) end,
	squeeze = function(p, x) return x:squeeze(lua(p.dims[1])) end,
	narrow = function(p, x) return x:narrow(lua(p.dim), p.start + 1, p.length) end,
	select = function(p, x)
		local key = {}
		for d = 1, p.dim % x:dim() do key[d] = {} end
		key[#key + 1] = lua(p.index)
		return x[key]
	end,
	cat = function(p, ...) return tensor.cat({...}, lua(p.dim)) end,
	stack = function(p, ...) return tensor.stack({...}, lua(p.dim)) end,
	arange = function(p) return tensor.arange(p.start, p.stop, p.step) end,
	linspace = function(p) return tensor.linspace(p.start, p.stop, p.n) end,
	argmax = function(p, x) return (p.dim and x:argmax(lua(p.dim)) or x:argmax()) - 1 end,
	argmin = function(p, x) return (p.dim and x:argmin(lua(p.dim)) or x:argmin()) - 1 end,
	squeeze_all = function(p, x) return x:squeeze() end,
}
local kept = { sum = 1, mean = 1, var = 1, std = 1, min = 1, max = 1, logsumexp = 1, prod = 1, norm = 1, any = 1, all = 1 }

local name, p, x = ...
local results = {}
if name == "squeeze" and #p.dims == 0 then name = "squeeze_all" end
if special[name] then
	results[1] = special[name](p, unpack(x))
elseif p.dim then
	results[1] = x[1][name](x[1], lua(p.dim))
	if kept[name] then results[2] = x[1][name](x[1], lua(p.dim), { keepdim = true }):squeeze(lua(p.dim)) end
else
	results[1] = x[1][name](unpack(x))
	if operators[name] then results[#results + 1] = operators[name](unpack(x)) end
	local inplace = name .. "_"
	local found, method = pcall(function() return x[1][inplace] end)
	if found and method and tostring(results[1]:shape()) == tostring(x[1]:shape()) then
		local y = x[1]:clone()
		results[#results + 1] = method(y, unpack(x, 2))
	end
end
return unpack(results)`

// From Lua every operation gives what torch gives.
func TestGolden(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	chunk, err := runtime.Compile("golden.lua", calls)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := golden.TensorOps()
	if err != nil {
		t.Fatal(err)
	}
	ways := 0
	for name, cases := range ops {
		for i, c := range cases {
			var in []any
			for _, leaf := range c.In {
				x := tensor.From(golden.Floats(leaf.X), leaf.S...)
				switch leaf.V {
				case "t":
					x = x.Transpose(-1, -2)
				case "n":
					x = x.Narrow(-1, 1, leaf.S[len(leaf.S)-1]-2)
				case "s":
					x = x.Select(0, 1)
				case "e":
					sizes := slices.Clone(leaf.S)
					sizes[0] = leaf.E
					x = x.Expand(sizes...)
				}
				in = append(in, x)
			}
			p := map[string]any{
				"dims": c.P.Dims, "sizes": c.P.Sizes, "offsets": c.P.Offsets, "length": c.P.Length, "index": c.P.Index, "n": c.P.N,
				"start": c.P.Start, "stop": c.P.Stop, "step": c.P.Step,
			}
			for key, v := range map[string]*float64{"min": c.P.Min, "max": c.P.Max} {
				if v != nil {
					p[key] = *v
				}
			}
			if c.P.Dim != nil {
				p["dim"] = *c.P.Dim
			}
			out, err := rt.Run(context.Background(), chunk, name, p, in)
			if err != nil {
				t.Errorf("%s, case %d: %v", name, i, err)
				continue
			}
			ways += len(out)
			for way, v := range out {
				y := v.(*tensor.Tensor)
				data := y.Detach().Clone().Data()
				if !slices.Equal(y.Shape(), c.Ys) || len(data) != len(c.Y) {
					t.Errorf("%s, case %d, way %d: got shape %v, want %v", name, i, way+1, y.Shape(), c.Ys)
					continue
				}
				for k, want := range c.Y {
					// The library's own test has the tight bounds.
					got, want := float64(data[k]), float64(want)
					if got != want && !(math.IsNaN(got) && math.IsNaN(want)) && !(math.Abs(got-want) <= 1e-5*(1+math.Abs(want)) && !math.IsInf(want, 0)) {
						if scale := largest(c.In); math.Abs(got-want) <= 1e-5*scale && !math.IsInf(want, 0) {
							continue // what large terms left
						}
						t.Errorf("%s, case %d, way %d, element %d: got %v, want %v", name, i, way+1, k, got, want)
						break
					}
				}
			}
		}
	}
	if ways < 4000 {
		t.Errorf("got %d results, want operators and forms in place among them", ways)
	}
}

func largest(in []golden.TensorInput) (top float64) {
	for _, x := range in {
		for _, v := range x.X {
			if a := math.Abs(float64(v)); !math.IsInf(a, 0) {
				top = max(top, a)
			}
		}
	}
	return top
}
