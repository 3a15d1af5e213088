package tensor

import (
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// functions is the module's table.
func (b *Binding) functions() *lua.LTable {
	f := map[string]lua.LGFunction{}
	make1 := func(name string, build func(a *luax.Args) *tensor.Tensor) {
		f[name] = func(L *lua.LState) int {
			b.in = L // nobody knows yet how long it takes
			defer b.leave()
			a := luax.Read(L, name)
			t := build(&a)
			a.End()
			return b.push(L, t)
		}
	}
	make1("zeros", func(a *luax.Args) *tensor.Tensor { return b.alloc.Zeros(sizes(a)...) })
	make1("ones", func(a *luax.Args) *tensor.Tensor { return b.alloc.Ones(sizes(a)...) })
	make1("full", func(a *luax.Args) *tensor.Tensor {
		shape := luax.Numbers[int](a, "shape", a.Table("shape"))
		return b.alloc.Full(a.Number("value"), shape...)
	})
	make1("scalar", func(a *luax.Args) *tensor.Tensor { return b.alloc.Scalar(a.Number("value")) })
	make1("arange", func(a *luax.Args) *tensor.Tensor {
		start, stop := 0.0, a.Number("stop")
		if a.Left() > 0 {
			start, stop = stop, a.Number("stop")
		}
		return b.alloc.Arange(start, stop, a.OptNumber("step", 1))
	})
	make1("linspace", func(a *luax.Args) *tensor.Tensor {
		return b.alloc.Linspace(a.Number("start"), a.Number("stop"), a.Int("n"))
	})
	random := func(name string, draw func(r *rand.Rand, shape ...int) *tensor.Tensor) {
		make1(name, func(a *luax.Args) *tensor.Tensor { return draw(b.vm.Rand(a.L), sizes(a)...) })
	}
	random("rand", b.alloc.Rand)
	random("randn", b.alloc.Randn)
	join := func(name string, extra int, put func(parts []*tensor.Tensor, dim int) *tensor.Tensor) {
		make1(name, func(a *luax.Args) *tensor.Tensor {
			parts, d := b.tensors(a), 0
			if a.Left() > 0 && len(parts) > 0 {
				d = dim(a, parts[0], extra)
			}
			return put(parts, d)
		})
	}
	join("cat", 0, tensor.Cat)
	join("stack", 1, tensor.Stack)
	make1("where", func(a *luax.Args) *tensor.Tensor {
		mask, x, y := b.operand(a, "mask"), b.operand(a, "a"), b.operand(a, "b")
		return tensor.Where(mask, x, y)
	})
	f["no_grad"] = func(L *lua.LState) int {
		a := luax.Read(L, "no_grad")
		fn, args := a.Func("fn"), a.Rest()
		var out []lua.LValue
		b.noGrad(L, func() { out = b.call(L, fn, args...) })
		for _, v := range out {
			L.Push(v)
		}
		return len(out)
	}
	f["grad"] = func(L *lua.LState) int {
		a := luax.Read(L, "grad")
		fn := a.Func("fn")
		a.End()
		L.Push(b.vm.NewFunction(func(L *lua.LState) int { return b.grad(L, fn) }))
		return 1
	}
	f["gradcheck"] = b.gradcheck
	f["save"] = b.save
	f["load"] = b.load

	m := luax.Module(b.vm, "tensor", f)
	m.Metatable.(*lua.LTable).RawSetString("__call", b.vm.NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, "tensor")
		a.Any() // the module
		t := b.From(&a, "data", a.Any())
		a.End()
		return b.push(L, t)
	}))
	return m
}

// call calls a Lua function and raises what it raises.
func (b *Binding) call(L *lua.LState, fn lua.LValue, args ...lua.LValue) []lua.LValue {
	out, err := b.vm.Call(L, fn, args...)
	if err != nil {
		b.vm.Raise(L, err)
	}
	return out
}

// tensors reads a list of tensors and numbers.
func (b *Binding) tensors(a *luax.Args) []*tensor.Tensor {
	list := a.Table("tensors")
	out := make([]*tensor.Tensor, list.Len())
	for k := range out {
		v := list.RawGetInt(k + 1)
		if n, ok := v.(lua.LNumber); ok {
			out[k] = b.alloc.Scalar(float64(n))
			continue
		}
		t, ok := luax.To[*tensor.Tensor](v)
		if !ok {
			a.Fail("tensors[%d]: got %s, want tensor or number", k+1, v.Type())
		}
		out[k] = b.mode(a.L, t)
	}
	return out
}

// maxNesting bounds nested lists.
const maxNesting = 32

// From is a number, nested lists of numbers, or a copy of a tensor, as a
// constant; param names the value in errors.
func (b *Binding) From(a *luax.Args, param string, v lua.LValue) *tensor.Tensor {
	if t, ok := luax.To[*tensor.Tensor](v); ok {
		return t.Detach().Clone()
	}
	switch v := v.(type) {
	case lua.LNumber:
		return b.alloc.Scalar(float64(v))
	case *lua.LTable:
		// The first element of each list says what shape to expect.
		var shape []int
		for first := v; first != nil; {
			if len(shape) == maxNesting {
				a.Fail("%s: lists nest deeper than %d", param, maxNesting)
			}
			shape = append(shape, first.Len())
			first, _ = first.RawGetInt(1).(*lua.LTable)
		}
		t := b.alloc.New(a.Name(), shape...)
		if t.Err() == nil {
			rest := t.Data()
			read(a, param, v, shape, &rest)
		}
		return t
	}
	a.Bad(param, v, "number or list of numbers")
	return nil
}

// read copies nested lists of the given shape to the front of dst.
func read(a *luax.Args, param string, list *lua.LTable, shape []int, dst *[]float32) {
	if n := list.Len(); n != shape[0] {
		a.Fail("%s: ragged list: got %d elements where the first has %d", param, n, shape[0])
	}
	for i := 1; i <= shape[0]; i++ {
		v := list.RawGetInt(i)
		if len(shape) > 1 {
			inner, ok := v.(*lua.LTable)
			if !ok {
				a.Fail("%s: ragged list: got %s among lists", param, v.Type())
			}
			read(a, param, inner, shape[1:], dst)
			continue
		}
		x, ok := v.(lua.LNumber)
		if !ok {
			a.Bad(param, v, "numbers in the list")
		}
		(*dst)[0] = float32(x)
		*dst = (*dst)[1:]
	}
}
