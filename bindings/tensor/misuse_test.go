package tensor_test

import (
	"errors"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// What is asked for wrongly raises an error that shows what was wrong and the
// values, and changes nothing: the tensors keep their elements, and a graph
// that was there can still be run backwards.
func TestMisuse(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	for _, c := range [][2]string{
		{`return a + v`, `add: shapes [2 3] and [2] do not broadcast`},
		{`return a * v`, `mul: shapes [2 3] and [2] do not broadcast`},
		{`return a:pow(v)`, `pow: shapes [2 3] and [2] do not broadcast`},
		{`return a:maximum(tensor.zeros(3, 3))`, `maximum: shapes [2 3] and [3 3] do not broadcast`},
		{`return tensor.where(a, v, 0)`, `where: shapes [2 3] and [2] do not broadcast`},
		{`return a:matmul(v)`, `matmul: inner sizes differ: [2 3] x [2]`},
		{`return a:matmul(a)`, `matmul: inner sizes differ: [2 3] x [2 3]`},
		{`return tensor.scalar(1):matmul(v)`, `matmul: got shapes [] and [2], want at least one dimension each`},
		{`return tensor.cat{a, v}`, `cat: tensor 2 has shape [2], want 2 dimensions as the first has`},
		{`return tensor.cat({a, tensor.zeros(3, 3)}, 2)`, `cat: tensor 2 has shape [3 3], which differs from the first's [2 3] outside the joined dimension`},
		{`return tensor.stack{a, v}`, `stack: tensor 2 has shape [2], want [2 3] as the first has`},
		{`return tensor.cat({a}, 3)`, `cat: dim: got 3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return tensor.stack({a}, 4)`, `stack: dim: got 4, want 1 to 3, or -1 to -3, for shape [2 3]`},
		{`return a:copy_(v)`, `copy_: shapes [2 3] and [2] do not broadcast`},
		{`return a:add_(tensor.zeros(2, 2, 3))`, `add_: shape [2 2 3] does not fit into [2 3]`},
		{`return a[{1, 1, 1}]`, `index: got 3 positions for shape [2 3]`},
		{`return a[3]`, `index: position 3 out of range: dimension 1 has length 2`},
		{`return a[-3]`, `index: position -3 out of range: dimension 1 has length 2`},
		{`return a[0]`, `index: position 0 out of range: dimension 1 has length 2`},
		{`return a[{1, 4}]`, `index: position 4 out of range: dimension 2 has length 3`},
		{`return a[{ {1, 3}, {} }]`, `index: position 3 out of range: dimension 1 has length 2`},
		{`return a[{ {2, 1}, {} }]`, `index: range {2, 1} of dimension 1 runs backwards`},
		{`return a[{ {1, 2, 3} }]`, `index: got a range of 3 numbers, want {first, last}`},
		{`return a[{ "x" }]`, `index: position: got "x", want a whole number or a range {first, last}`},
		{`return a[true]`, `index: key: got boolean, want a whole number, a table of positions and ranges, or a method's name`},
		{`return a[1.5]`, `index: position: got 1.5, want a whole number`},
		{`a[3] = 1`, `assignment: position 3 out of range: dimension 1 has length 2`},
		{`a[{ {}, {2, 5} }] = 0`, `assignment: position 5 out of range: dimension 2 has length 3`},
		{`a[1] = v`, `assignment: shapes [3] and [2] do not broadcast`},
		{`a[1] = "x"`, `assignment: value: got "x", want tensor or number`},
		{`a[v:gt(0)] = 1`, `assignment: got a mask of shape [2], want [2 3] as the tensor has`},
		{`a[a:gt(4)] = tensor{1,2,3}`, `assignment: got shape [3] for 2 selected positions, want one value or as many`},
		{`a[a:gt(4)] = a`, `assignment: got shape [2 3] for 2 selected positions, want one value or as many`},
		{`a[a:gt(4)] = "x"`, `assignment: value: got "x", want tensor or number`},
		{`v[v:gt(1)] = w[1]`, `assignment: the new values require grad, which would be lost`},
		{`w[w:gt(1)] = 5`, `assignment: the tensor requires grad`},
		{`w:detach()[w:gt(1)] = 5`, `assignment: a graph that was not run backwards yet still needs the tensor's values`},
		{`return a[a:gt(4)]`, `index: key: got tensor, want a whole number, a table of positions and ranges, or a method's name`},
		{`a.shape = 3`, `tensor: cannot assign to "shape"`},
		{`return a:sum(3)`, `sum: dim: got 3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:sum(-3)`, `sum: dim: got -3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:sum(0)`, `sum: dim: got 0, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:sum(1.5)`, `sum: dim: got 1.5, want a whole number`},
		{`return a:sum("x")`, `sum: dim: got string, want number`},
		{`return a:softmax(3)`, `softmax: dim: got 3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:softmax()`, `softmax: dim: got nil, want number`},
		{`return a:cumsum(5)`, `cumsum: dim: got 5, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:transpose(1, 3)`, `transpose: dim: got 3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:squeeze(4)`, `squeeze: dim: got 4, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:unsqueeze(5)`, `unsqueeze: dim: got 5, want 1 to 3, or -1 to -3, for shape [2 3]`},
		{`return a:narrow(2, 3, 2)`, `narrow: start 3 and length 2 do not fit into 3 positions of shape [2 3]`},
		{`return a:narrow(3, 1, 1)`, `narrow: dim: got 3, want 1 to 2, or -1 to -2, for shape [2 3]`},
		{`return a:narrow(1, 0, 1)`, `narrow: start 0 and length 1 do not fit into 2 positions of shape [2 3]`},
		{`return a:narrow(1, 1, -1)`, `narrow: start 1 and length -1 do not fit into 2 positions of shape [2 3]`},
		{`return tensor.zeros(2,2,2):t()`, `t: got shape [2 2 2], want at most 2 dimensions; name the two with transpose`},
		{`return a:reshape(4)`, `reshape: shape [4] has 4 elements, want 6 as [2 3] has`},
		{`return a:reshape(-1, 4)`, `reshape: cannot work out -1 in [-1 4] for 6 elements`},
		{`return a:reshape(-1, -1)`, `reshape: got sizes [-1 -1], want sizes of at least 0 and at most one -1`},
		{`return a:reshape(-2, -3)`, `reshape: got sizes [-2 -3], want sizes of at least 0 and at most one -1`},
		{`return a:t():view(6)`, `view: the elements of shape [3 2] do not lie in order`},
		{`return a:expand(2, 4)`, `expand: shape [2 3] does not expand to [2 4]`},
		{`return a:expand(3)`, `expand: shape [3] has fewer dimensions than [2 3]`},
		{`return a:expand(-1, 2, 3)`, `expand: got sizes [-1 2 3], want a size for each new dimension`},
		{`return tensor.zeros(0):max()`, `max: shape [0] has nothing to reduce`},
		{`return tensor.zeros(2, 0):argmax(2)`, `argmax: shape [2 0] has nothing to reduce`},
		{`return tensor.zeros(0):logsumexp()`, `logsumexp: shape [0] has nothing to reduce`},
		{`return v:segment_sum{0, 1}`, `segment_sum: offsets end at 1, want 2, the length of the first dimension`},
		{`return v:segment_sum{1, 2}`, `segment_sum: got offsets [1 2], want them to start at 0`},
		{`return v:segment_sum{0, 2, 1}`, `segment_sum: offset 3 is 1, below the one before, 2`},
		{`return v:segment_sum{}`, `segment_sum: got offsets [], want them to start at 0`},
		{`return v:segment_sum{0, 1.5, 2}`, `segment_sum: offsets[2]: got 1.5, want a whole number in range`},
		{`return v:segment_max{0, 3}`, `segment_max: offsets end at 3, want 2, the length of the first dimension`},
		{`return v:segment_mean(tensor{0, 1, 3})`, `segment_mean: offsets end at 3, want 2, the length of the first dimension`},
		{`return v:segment_expand{0, 2}`, `segment_expand: got 2 offsets for shape [2], want one more than its first dimension is long`},
		{`return v:segment_expand{0, 2, 1}`, `segment_expand: offset 3 is 1, below the one before, 2`},
		{`return v:segment_expand{0, 2^40, 2^41}`, `segment_expand: shape [2199023255552] is too large: more than 8589934592 elements`},
		{`return tensor.scalar(1):segment_sum{0, 1}`, `segment_sum: got a scalar, want at least one dimension`},
		{`return v:segment_sum{0, 1, 2} - tensor{1, 2, 3}:segment_sum{0, 1, 2, 3}`, `sub: shapes [2] and [3] do not broadcast`},
		{`return w:add_(1)`, `add_: a graph that was not run backwards yet still needs the tensor's values`},
		{`return w:exp_()`, `exp_: a graph that was not run backwards yet still needs the tensor's values`},
		{`w[1] = 5`, `assignment: the tensor requires grad`},
		{`return w:zero_()`, `zero_: a graph that was not run backwards yet still needs the tensor's values`},
		{`return w:detach():add_(1)`, `add_: a graph that was not run backwards yet still needs the tensor's values`},
		{`return v:add_(w)`, `add: shapes [2] and [3] do not broadcast`},
		{`v[1] = w[1]`, `assignment: the new values require grad, which would be lost`},
		{`return w:backward()`, `backward: got shape [3], want one element`},
		{`return (w * w):backward()`, `backward: got shape [3], want one element`},
		{`return a:sum():backward()`, `backward: the tensor does not depend on anything that requires grad`},
		{`return w:gt(1):sum():backward()`, `backward: the tensor does not depend on anything that requires grad`},
		{`return w:argmax():backward()`, `backward: the tensor does not depend on anything that requires grad`},
		{`return (w:floor():detach()):sum():backward()`, `backward: the tensor does not depend on anything that requires grad`},
		{`return w:any():backward()`, `backward: the tensor does not depend on anything that requires grad`},
		{`return (function() local l = w:exp():sum(); l:backward(); l:backward() end)()`, `backward: the graph was already run backwards: the values exp kept are gone`},
		{`return (function() local l = w:sum(); local m = l * l; m:backward(); (m + 1):backward() end)()`, `backward: the graph was already run backwards: the values mul kept are gone`},
		{`return tensor.grad(function(p) return p * 2 end)(v)`, `backward: got shape [2], want one element`},
		{`return tensor.grad(function(p) return 3 end)(v)`, `grad: what fn returned: got number, want tensor`},
		{`return tensor.grad(function(p) return p:gt(1):sum() end)(v)`, `backward: the tensor does not depend on anything that requires grad`},
		{`return tensor.grad(function() end)({})`, `grad: first argument: got table, want tensor or table of tensors`},
		{`return tensor.grad(function(p) return p:sum() end)(3)`, `grad: first argument: got 3, want tensor or table of tensors`},
		{`return tensor.grad(3)`, `grad: fn: got number, want function`},
		{`return tensor.gradcheck(function(x) return x * 2 end, v)`, `backward: got shape [2], want one element`},
		{`return tensor.gradcheck(function(x) return x:sum() end, 3)`, `gradcheck: tensors: got number, want table`},
		{`return tensor.gradcheck(function(x) return x:sum() end, {"x"})`, `gradcheck: tensors[1]: got string, want tensor or number`},
		{`return tensor.zeros(2^40)`, `zeros: shape [1099511627776] is too large: more than 8589934592 elements`},
		{`return tensor.zeros(2^20, 2^20)`, `zeros: shape [1048576 1048576] is too large: more than 8589934592 elements`},
		{`return tensor.zeros(2^31, 2^31, 2^31)`, `zeros: shape [2147483648 2147483648 2147483648] is too large: more than 8589934592 elements`},
		{`return tensor.full({2^40}, 1)`, `full: shape [1099511627776] is too large: more than 8589934592 elements`},
		{`return tensor.ones(-1)`, `ones: got shape [-1], want sizes of at least 0`},
		{`return tensor.zeros(1.5)`, `zeros: size: got 1.5, want a whole number`},
		{`return tensor.zeros("x")`, `zeros: size: got string, want number`},
		{`return tensor.zeros{2, "x"}`, `zeros: shape[2]: got string, want number`},
		{`return tensor.linspace(0, 1, 0)`, `linspace: got 0 values, want at least 1`},
		{`return tensor.linspace(0, 1, 2^40)`, `linspace: shape [1099511627776] is too large: more than 8589934592 elements`},
		{`return tensor.zeros(2^12, 1) + tensor.zeros(2^12) * tensor.zeros(2^12, 2^12, 1)`, `mul: shape [4096 4096 4096] is too large: more than 8589934592 elements`},
		{`return a:item()`, `item: got shape [2 3], want one element`},
		{`return a:clamp{min = 2, max = 1}`, `clamp: got min 2 and max 1, want min at most max`},
		{`return a:clamp(1)`, `clamp: options: got number, want table`},
		{`return a:clamp{lo = 1}`, `clamp: unknown option "lo" (clamp takes min, max)`},
		{`return a:allclose(3)`, `allclose: other: got number, want tensor`},
		{`return a:equal("x")`, `equal: other: got string, want tensor`},
		{`a.grad = v`, `assignment: grad cannot be set`},
		{`return #tensor.scalar(1)`, `#: a scalar has no length`},
		{`return tensor.scalar(1)[1]`, `index: a scalar has no positions`},
		{`return tensor{1, {2}}`, `tensor: data: got table, want numbers in the list`},
		{`return tensor{{1, 2}, {3}}`, `tensor: data: ragged list: got 1 elements where the first has 2`},
		{`return tensor{1, "x"}`, `tensor: data: got "x", want numbers in the list`},
		{`return tensor("x")`, `tensor: data: got "x", want number or list of numbers`},
		{`return tensor()`, `tensor: data: got nil, want number or list of numbers`},
		{`return a:foo()`, `tensor: no such method or field: "foo"`},
		{`return a.foo`, `tensor: no such method or field: "foo"`},
		{`return a:sum{keepdim = true}`, `sum: dim: got table, want number`},
		{`return a:sum(1, {keep = true})`, `sum: unknown option "keep" (sum takes keepdim)`},
		{`return a:sum(1, 2)`, `sum: options: got number, want table`},
		{`return a .. {}`, `concat: operand: got table, want string, number or tensor`},
	} {
		out, err := run(t, rt, `
			local a, v = tensor{{1,2,3},{4,5,6}}, tensor{1,2}
			local w = tensor{1,2,3}:requires_grad_()
			local loss = (w * w):sum()
			local ok, e = pcall(function() `+c[0]+` end)
			local kept = a:equal(tensor{{1,2,3},{4,5,6}}) and v:equal(tensor{1,2}) and w:equal(tensor{1,2,3})
			w:zero_grad()
			loss:backward()
			return ok, e and e.message, e and e.code, kept and w.grad:equal(tensor{2,4,6})`)
		if err != nil {
			t.Errorf("%s: got %v", c[0], err)
			continue
		}
		if out[0] != false || out[1] != c[1] || out[2] != "validation" {
			t.Errorf("%s\ngot  %v, %v\nwant %v, validation", c[0], out[1], out[2], c[1])
		}
		if out[3] != true {
			t.Errorf("%s: tensors or gradients changed", c[0])
		}
	}
}

// What would be larger than the limit is refused, and the memory is there
// afterwards.
func TestMisuseLimit(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{TensorBytes: 1 << 20}})
	for _, src := range []string{
		`tensor.rand(2^20)`,
		`local row, column = tensor.zeros(2^10), tensor.zeros(2^10, 1); return row + column`,
		`tensor.stack{ tensor.zeros(1):expand(2^18), tensor.zeros(1):expand(2^18) }`,
		`tensor.zeros(2):segment_expand{0, 2^18, 2^19}`,
		`tensor.zeros(2^9, 1):matmul(tensor.zeros(1, 2^10))`,
	} {
		_, err := run(t, rt, `return (function() `+src+` end)()`)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Code != runtime.CodeLimit || !errors.Is(err, runtime.ErrSize) || e.Hint == "" {
			t.Errorf("%s: got %v, want a limit with a hint", src, err)
		}
		if out, err := run(t, rt, `return tensor.ones(2^16):sum():item()`); err != nil || out[0] != 65536.0 {
			t.Errorf("%s: afterwards got %v, %v", src, out, err)
		}
	}
}
