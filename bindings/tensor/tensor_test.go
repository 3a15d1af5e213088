package tensor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	bind "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// newVM has hud.tensor as the local tensor of every chunk.
func newVM(t testing.TB, cfg runtime.Config) *runtime.Runtime {
	t.Helper()
	cfg.Modules = append(cfg.Modules, bind.Module())
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func run(t testing.TB, rt *runtime.Runtime, src string) ([]any, error) {
	t.Helper()
	c, err := runtime.Compile("test.lua", `local tensor = require "hud.tensor" `+src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return rt.Run(context.Background(), c)
}

// show writes results as Lua would print lists.
func show(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = show(e)
		}
		return "{" + strings.Join(parts, " ") + "}"
	case *tensor.Tensor:
		return fmt.Sprint(v.Data())
	case float64:
		return runtime.FormatNumber(v)
	}
	return fmt.Sprint(v)
}

// TestScripts runs one line of Lua each; the values follow from the text.
func TestScripts(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	for _, c := range [][2]string{
		{`return tensor{{1,2},{3,4}}:tolist()`, "{{1 2} {3 4}}"},
		{`return tensor(5):item(), tensor.scalar(2):dim(), tensor{}:numel()`, "5 0 0"},
		{`return tensor.zeros(2,3):shape(), tostring(tensor.ones({3}):shape())`, "{2 3} [3]"},
		{`return tensor.full({2}, 7):tolist(), tensor.arange(3):tolist(), tensor.arange(1, 2, 0.5):tolist(), tensor.linspace(0, 1, 3):tolist()`, "{7 7} {0 1 2} {1 1.5} {0 0.5 1}"},
		{`local a = tensor{1,2}; return (a + 1):tolist(), (1 - a):tolist(), (a * a):tolist(), (2 / a):tolist(), (a ^ 2):tolist(), (-a):tolist()`, "{2 3} {0 -1} {1 4} {2 1} {1 4} {-1 -2}"},
		{`local total = 0; for i = 1, 3 do total = total + tensor.scalar(i) end; return total:item(), (tensor.scalar(1) + 0):item()`, "6 1"},
		{`return tensor{1,2,3}:ge(2):tolist(), tensor{1,2}:eq(tensor{1,3}):tolist(), tensor{0,1}:lnot():tolist(), tensor{0,1}:lor{}`, "! lor: other: got table, want tensor or number"},
		{`return tensor{1,2,3}:ge(2):tolist(), tensor{0,1}:land(1):tolist()`, "{0 1 1} {0 1}"},
		{`return tensor{{1,2},{3,4}}:matmul(tensor{{1},{1}}):tolist()`, "{{3} {7}}"},
		{`local a = tensor{{1,2},{3,4}}; return a:sum():item(), a:sum(1):tolist(), a:mean(-1):tolist(), a:max(2, {keepdim=true}):tolist(), a:argmax(2):tolist(), a:argmin():item()`, "10 {4 6} {1.5 3.5} {{2} {4}} {2 2} 1"},
		{`return tensor{1,2,3,4}:segment_sum{0,1,4}:tolist(), tensor{5,6}:segment_expand(tensor{0,1,3}):tolist()`, "{1 9} {5 6 6}"},
		{`return tensor{-2,0.5,9}:clamp{min=-1, max=1}:tolist(), tensor{-2,9}:clamp{max=1}:tolist()`, "{-1 0.5 1} {-2 1}"},
		{`local a = tensor{{1,2,3},{4,5,6},{7,8,9}}; return a[2]:tolist(), a[-1][1]:item(), a[{2,3}]:item(), a[{ {2,3}, {} }]:tolist(), a[{ {}, {2} }]:tolist(), a[{ {1,-1}, 3 }]:tolist(), #a`, "{4 5 6} 7 6 {{4 5 6} {7 8 9}} {{2} {5} {8}} {3 6 9} 3"},
		{`local a = tensor.zeros(2,2); a[1] = 5; a[{2,2}] = 7; a[{ {}, {1} }] = tensor{{8},{9}}; return a:tolist()`, "{{8 5} {9 7}}"},
		{`return tensor.cat{tensor{1}, tensor{2,3}}:tolist(), tensor.stack({tensor{1,2}, tensor{3,4}}, 2):tolist(), tensor.stack{1, 2}:tolist()`, "{1 2 3} {{1 3} {2 4}} {1 2}"},
		{`return tensor.where(tensor{1,0}, tensor{1,2}, 0/0):tolist()[1], tensor.where(tensor{1,0}:eq(1), 1/0, 3):sum():item()`, "1 inf"},
		{`return tensor{{1,2,3}}:t():shape(), tensor.zeros(2,3,4):transpose(1,3):shape(), tensor.zeros(1,2,1):squeeze():shape(), tensor.zeros(1,2):squeeze(1):shape(), tensor{1}:unsqueeze(2):shape(), tensor{1}:expand(2,3):shape(), tensor{1,2,3}:narrow(1,2,2):tolist(), tensor{1,2}:reshape(2,-1):shape(), tensor{1,2}:view{1,2}:shape()`,
			"{3 1} {4 3 2} {2} {2} {1 1} {2 3} {2 3} {2 1} {1 2}"},
		{`return tensor{1,2}:softmax(1):sum():item(), tensor{1,2}:cumsum(1):tolist()`, "1 {1 3}"},
		{`local w = tensor{1,2}:requires_grad_(); local l = (w * w):sum(); l:backward(); local g = w.grad; w:sub_(g); w:zero_grad(); return g:tolist(), w:tolist(), w.grad == nil`, "{2 4} {-1 -2} true"},
		{`local a = tensor{1,2}; a:add_(1):mul_(a):exp_():log_(); return a:round():tolist(), a:zero_():tolist(), a:fill_(3):tolist(), a:copy_(tensor{4,5}):tolist(), a:clamp_{max=4.5}:tolist()`, "{4 9} {0 0} {3 3} {4 5} {4 4.5}"},
		{`local w = tensor{1}:requires_grad_(); local c = tensor.no_grad(function(k) return w * k, 7 end, 3); return tostring(c), tostring(w * 3)`, " 3\n[float32 1]  3\n[float32 1, grad]"},
		{`local f = tensor.grad(function(p, x) return (p.w * x):sum() + p.b[1]:sum(), "extra" end); local g, loss, extra = f({w = tensor{1,2}, b = {tensor{3}}, k = 5}, tensor{10,20}); return g.w:tolist(), g.b[1]:tolist(), g.k, loss:item(), extra`, "{10 20} {1} 5 53 extra"},
		{`return tensor.gradcheck(function(a, b) return (a * b):exp():sum() end, {tensor{0.1,0.2}, tensor{1,2}}) < 1e-3`, "true"},
		{`local a = tensor{1}; local g = tensor{2}:requires_grad_(); (g*1):sum():backward(); return a == a, a == tensor{1}, g.grad == g.grad, a:equal(tensor{1}), tensor{1}:allclose(tensor{1.05}, {rtol=0.1})`, "true false true true true"},
		{`return "loss " .. tensor.scalar(0.25) .. "!", 1 .. tensor{2}`, "loss 0.25! 12"},
		{`return tensor.rand(3):lt(1):sum():item(), tensor.randn(2,2):shape()`, "3 {2 2}"},
		{`local x = tensor{1,2,3}:requires_grad_(); local y = x:square():sum(); y:backward{retain_graph=true}; y:backward(); return x.grad:tolist(), x:detach():mul(2):tolist()`, "{4 8 12} {2 4 6}"},

		{`tensor{{1,2},{3}}`, "! tensor: data: ragged list: got 1 elements where the first has 2"},
		{`tensor{{1,2},3}`, "! tensor: data: ragged list: got number among lists"},
		{`tensor{1,true}`, "! tensor: data: got boolean, want numbers in the list"},
		{`tensor(true)`, "! tensor: data: got boolean, want number or list of numbers"},
		{`local t = {}; t[1] = t; tensor(t)`, "! tensor: data: lists nest deeper than 32"},
		{`tensor.zeros(2,3):matmul(tensor.zeros(2,3))`, "! matmul: inner sizes differ: [2 3] x [2 3]"},
		{`return tensor{1,2} + tensor{1,2,3}`, "! add: shapes [2] and [3] do not broadcast"},
		{`return tensor{1} + true`, "! add: right operand: got boolean, want tensor or number"},
		{`return tensor{1} < tensor{2}`, "! <: operators do not compare tensors: a:lt(b) and a:gt(b) give masks"},
		{`return tensor{1}:softmaxx()`, `! tensor: no such method or field: "softmaxx" (did you mean "softmax"?)`},
		{`return tensor.zeroes(1)`, `! tensor: no such name: "zeroes" (did you mean "zeros"?)`},
		{`tensor{1}:clamp{mim=1}`, `! clamp: unknown option "mim" (did you mean "min"?)`},
		{`tensor{1}:sum(2)`, "! sum: dim: got 2, want 1 to 1, or -1 to -1, for shape [1]"},
		{`tensor{1}:sum(0)`, "! sum: dim: got 0, want 1 to 1, or -1 to -1, for shape [1]"},
		{`tensor.scalar(1):sum(1)`, "! sum: dim: got 1, but a scalar has no dimensions"},
		{`local x = tensor{{1,2},{3,4}}; return x:sum(nil, {keepdim=true}):tolist(), x:max(nil, {keepdim=true}):shape(), x:sum(nil):item(), tensor.scalar(2):sum(nil, {keepdim=true}):dim(), x:argmin(nil, {keepdim=true}):tolist()`, "{{10}} {1 1} 10 0 {{1}}"},
		{`local x = tensor{{1,2},{3,4}}; x[x:gt(1)] = 0; return x:tolist()`, "{{1 0} {0 0}}"},
		{`local x = tensor{{1,2},{3,4}}; x[x:gt(1)] = tensor{7,8,9}; return x:tolist()`, "{{1 7} {8 9}}"},
		{`local x = tensor{{1,2},{3,4}}; x:t()[tensor{{1,0},{1,0}}] = tensor{7,8}; return x:tolist()`, "{{7 8} {3 4}}"},
		{`local x = tensor{1,2,3}; local y = x * 2; x[x] = x; x[tensor{0,0/0,0}] = 5; x[tensor.zeros(3)] = tensor.zeros(0); return x:tolist(), y:tolist()`, "{1 5 3} {2 4 6}"},
		{`local w = tensor{1,2,3}:requires_grad_(); w:detach()[tensor{0,1,1}] = 9; return w:tolist()`, "{1 9 9}"},
		{`return tensor{1,2}[3]`, "! index: position 3 out of range: dimension 1 has length 2"},
		{`return tensor{1,2}[{1,1}]`, "! index: got 2 positions for shape [2]"},
		{`return tensor{1,2}[{ {2,1} }]`, "! index: range {2, 1} of dimension 1 runs backwards"},
		{`return tensor{1,2}[1.5]`, "! index: position: got 1.5, want a whole number"},
		{`return #tensor.scalar(1)`, "! #: a scalar has no length"},
		{`tensor{1,2}:requires_grad_()[1] = 3`, "! assignment: the tensor requires grad"},
		{`tensor{1}.foo = 3`, `! tensor: cannot assign to "foo"`},
		{`tensor{1}.grad = 3`, `! assignment: grad cannot be set`},
		{`local w = tensor{1}:requires_grad_(); local y = w:exp(); w:square(); local z = w * w; w:sub_(1)`, "! sub_: a graph that was not run backwards yet still needs the tensor's values"},
		{`tensor{1}:add_(tensor{1}:requires_grad_())`, "! add_: the new values require grad, which would be lost"},
		{`tensor{1,2}:item()`, "! item: got shape [2], want one element"},
		{`tensor{1}:backward()`, "! backward: the tensor does not depend on anything that requires grad"},
		{`tensor{{1,2},{3,4}}:t():view(4)`, "! view: the elements of shape [2 2] do not lie in order"},
		{`tensor.gradcheck(function(a) return (a * a:detach()):sum() end, tensor{1})`, "! gradcheck: gradient of input 1 at element 1: got 1, want 2 by finite differences"},
		{`tensor.no_grad(function() error("boom") end)`, "! test.lua:1: boom"},
		{`tensor.zeros(1e9, 1e9)`, "! zeros: shape [1000000000 1000000000] is too large: more than 8589934592 elements"},
		{`tensor.zeros(-1)`, "! zeros: got shape [-1], want sizes of at least 0"},
		{`tensor{1}:expand(2^32):sum()`, "! expand: shape [4294967296] has 4294967296 elements, want at most 268435456, what Limits.TensorBytes holds"},
		{`tensor{1}:expand(2^25):tolist()`, "! tolist: got [33554432], want at most 16777216 elements or rows, the limit of a table"},
		{`tensor.zeros(2^34)`, "! zeros: shape [17179869184] is too large: more than 8589934592 elements"},
		{`tensor.arange(0, 1e300)`, "! arange: got start 0, stop 1e+300, step 1"},
		{`tensor.zeros(0/0)`, "! zeros: size: got nan, want a whole number"},
		{`tensor.cat{}`, "! cat: got no tensors"},
		{`tensor{1}.exp(5)`, "! exp: self: got number, want tensor"},
		{`return "a" .. tensor{1} .. {}`, "! concat: operand: got table, want string, number or tensor"},
	} {
		out, err := run(t, rt, c[0])
		if want, ok := strings.CutPrefix(c[1], "! "); ok {
			var e *runtime.Error
			if !errors.As(err, &e) || !strings.HasSuffix("test.lua:1: "+e.Message, want) {
				t.Errorf("%s\ngot %v, %v\nwant error %s", c[0], out, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\ngot error %v", c[0], err)
			continue
		}
		parts := make([]string, len(out))
		for i, v := range out {
			parts[i] = show(v)
		}
		if got := strings.Join(parts, " "); got != c[1] {
			t.Errorf("%s\ngot  %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestNoGradBelongsToTheTask(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Modules: []runtime.Module{{Name: "pause", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			task := vm.SpawnCall(L, "other", L.Get(1))
			if err := task.Wait(L); err != nil {
				vm.Raise(L, err)
			}
			for _, v := range task.Results() {
				L.Push(v)
			}
			return len(task.Results())
		}), nil
	}}}})
	out, err := run(t, rt, `
		local w = tensor{1}:requires_grad_()
		local inside, other
		tensor.no_grad(function()
			other = require "pause"(function() return tostring(w * 2) end)
			inside = tostring(w * 2)
		end)
		return inside, other, tostring(w * 2)`)
	if err != nil {
		t.Fatal(err)
	}
	if want := []any{" 2\n[float32 1]", " 2\n[float32 1, grad]", " 2\n[float32 1, grad]"}; fmt.Sprint(out) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestLongWork has tasks work on one big tensor at the same time: operations
// that take long let the others run, and what they read cannot be changed.
func TestLongWork(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Modules: []runtime.Module{{Name: "together", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			var tasks []*runtime.Task
			for i := 1; i <= 4; i++ {
				tasks = append(tasks, vm.SpawnCall(L, "task", L.Get(1), lua.LNumber(i)))
			}
			for _, task := range tasks {
				if err := task.Wait(L); err != nil {
					vm.Raise(L, err)
				}
				L.Push(task.Results()[0])
			}
			return len(tasks)
		}), nil
	}}}})
	out, err := run(t, rt, `
		local a = tensor.ones(2^22 + 1):requires_grad_()
		local b = tensor.ones(2^22 + 1)
		return require "together"(function(i)
			local s = 0
			for k = 1, 3 do
				local y = (a * b):mul(i):sum()
				pcall(b.add_, b, 0)   -- refused while another task reads b, harmless otherwise
				s = s + y:item()
			end
			return s
		end)`)
	if err != nil {
		t.Fatal(err)
	}
	const n = 3 * (1<<22 + 1)
	if got, want := fmt.Sprint(out), fmt.Sprint([]any{1.0 * n, 2.0 * n, 3.0 * n, 4.0 * n}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMemoryLimit(t *testing.T) {
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{TensorBytes: 10 << 20}})
	out, err := run(t, rt, `
		local a = tensor.ones(2^18)          -- 1 MiB of 10
		for i = 1, 300 do a = a * 1 end
		local keep, n = {}, 0
		local ok, e = pcall(function()
			while true do
				local x = a + n
				local _ = x[1]:item()
				keep[n + 1], n = x, n + 1
			end
		end)
		local code, read = e.code, e.message:match("tensor memory limit") ~= nil
		for i = 1, #keep do keep[i] = nil end
		-- What nobody has read has no elements yet, but does not come for nothing.
		local unread = 0
		ok, e = pcall(function() while true do unread = unread + 1; keep[unread] = a + unread end end)
		for i = 1, #keep do keep[i] = nil end
		for i = 1, 50 do a = a + 1 end
		return n == 8 or n == 9, ok, code, read, unread < 10 * 2^10, e.message:match("^add: tensor memory limit") ~= nil, a[1]:item()`)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(fmt.Sprintln(out...)); got != "true false limit true true true 51" {
		t.Errorf("got %s", got)
	}
}

func TestGoBorder(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	c, err := runtime.Compile("test.lua", `local x = ...; return x * 2, x`)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.From([]float32{1, 2}, 2)
	out, err := rt.Run(context.Background(), c, in)
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].(*tensor.Tensor).Data(); got[1] != 4 || out[1].(*tensor.Tensor) != in {
		t.Errorf("got %v, want [2 4] and the very tensor that went in", out)
	}
	_, err = run(t, rt, `pcall(error); tensor{1}:matmul(tensor{1,2})`)
	var e *tensor.Error
	if !errors.As(err, &e) || e.Op != "matmul" {
		t.Errorf("got %v, want a *tensor.Error", err)
	}
}

// BenchmarkOp is an addition on three
// elements from Lua, the loop included.
func BenchmarkOp(b *testing.B) {
	rt := newVM(b, runtime.Config{})
	c, err := runtime.Compile("bench.lua", `local n = ...; local tensor = require "hud.tensor"; local a, c = tensor{1,2,3}, tensor{4,5,6}; for i = 1, n do local d = a + c end`)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), c, b.N); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMethod is the same through a method of a recorded tensor.
func BenchmarkMethod(b *testing.B) {
	rt := newVM(b, runtime.Config{})
	c, err := runtime.Compile("bench.lua", `local n = ...; local tensor = require "hud.tensor"; local a = tensor{1,2,3}:requires_grad_(); for i = 1, n do local d = a:exp() end`)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), c, b.N); err != nil {
		b.Fatal(err)
	}
}

// Lua's order operators give booleans and refuse mixed types: the error says
// which methods compare tensors, wherever it is caught.
func TestComparisonOperators(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	for _, src := range []string{`tensor{1} < 1`, `1 >= tensor{1}`, `"x" <= tensor{1}`, `tensor{1} > tensor{2}`, `tensor{1} <= {}`} {
		_, err := run(t, rt, `return `+src)
		var e *runtime.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, "a:lt(b)") && !strings.Contains(e.Message, "a:le(b)") {
			t.Errorf("%s: got %v, want a message that names the methods", src, err)
		}
		out, err := run(t, rt, `
			local function f() return `+src+` end
			local _, e = pcall(f)
			local _, again = pcall(error, e)
			local _, inside = coroutine.resume(coroutine.create(f))
			local _, handled = xpcall(f, function(e) return e end)
			return tostring(e), tostring(again), tostring(inside), tostring(handled)`)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range out {
			if strings.Count(text.(string), "masks") != 1 {
				t.Errorf("%s, way %d: got %q, want the methods named once", src, i+1, text)
			}
		}
	}
	if out, err := run(t, rt, `local ok, e = pcall(function() return 1 < {} end) return e`); err != nil || out[0] != "test.lua:1: attempt to compare number with table" {
		t.Errorf("got %v, %v, want other comparisons left alone", out, err)
	}
}
