package tensor

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/tensor"
)

func (b *Binding) gradientMethods(m methods) {
	m["requires_grad_"] = func(L *lua.LState) int {
		a := luax.Read(L, "requires_grad_")
		if err := luax.Self[*tensor.Tensor](&a).RequireGrad().Err(); err != nil {
			b.vm.Raise(L, err)
		}
		L.Push(L.Get(1))
		return 1
	}
	m["backward"] = func(L *lua.LState) int {
		a := luax.Read(L, "backward")
		t := luax.Self[*tensor.Tensor](&a)
		o := a.Options("retain_graph")
		run := t.Backward
		if o.Bool("retain_graph", false) {
			run = t.BackwardRetain
		}
		if err := run(); err != nil {
			b.vm.Raise(L, err)
		}
		return 0
	}
	m["zero_grad"] = func(L *lua.LState) int {
		a := luax.Read(L, "zero_grad")
		luax.Self[*tensor.Tensor](&a).ZeroGrad()
		return 0
	}
}

// scalar is the first of what a function returned: a tensor.
func scalar(a *luax.Args, out []lua.LValue) *tensor.Tensor {
	var v lua.LValue = lua.LNil
	if len(out) > 0 {
		v = out[0]
	}
	return luax.As[*tensor.Tensor](a, "what fn returned", v)
}

// grad is what tensor.grad(fn) returns: the gradients of fn with respect to
// its first argument, shaped like it, then everything fn returns.
func (b *Binding) grad(L *lua.LState, fn lua.LValue) int {
	a := luax.Read(L, "grad")
	first := a.Value("first argument")
	var leaves []*tensor.Tensor
	args := append([]lua.LValue{tree(&a, first, 0, func(t *tensor.Tensor) lua.LValue {
		leaf := t.Detach().Clone().RequireGrad()
		leaves = append(leaves, leaf)
		return b.Wrap(L, leaf)
	})}, a.Rest()...)
	if len(leaves) == 0 {
		a.Bad("first argument", first, "tensor or table of tensors")
	}
	out := b.call(L, fn, args...)
	loss := scalar(&a, out)
	grads, err := tensor.Gradients(loss, leaves...)
	if err != nil {
		b.vm.Raise(L, err)
	}
	next := 0
	L.Push(tree(&a, first, 0, func(t *tensor.Tensor) lua.LValue {
		g := grads[next]
		next++
		if g == nil {
			g = b.alloc.New("grad", t.Shape()...)
		}
		return b.Wrap(L, g)
	}))
	L.Push(b.Wrap(L, loss.Detach()))
	for _, v := range out[1:] {
		L.Push(v)
	}
	return 1 + len(out)
}

// tree copies nested tables with their tensors replaced, in the same order
// each time; other values stay.
func tree(a *luax.Args, v lua.LValue, depth int, f func(t *tensor.Tensor) lua.LValue) lua.LValue {
	if t, ok := luax.To[*tensor.Tensor](v); ok {
		return f(t)
	}
	table, ok := v.(*lua.LTable)
	if !ok {
		return v
	}
	if depth == maxNesting {
		a.Fail("first argument: tables nest deeper than %d", maxNesting)
	}
	out := a.VM().NewTable(table.Len(), 0)
	for k, e := table.Next(lua.LNil); k != lua.LNil; k, e = table.Next(k) {
		out.RawSet(k, tree(a, e, depth+1, f))
	}
	return out
}

// gradcheck is tensor.gradcheck(fn, inputs, options).
func (b *Binding) gradcheck(L *lua.LState) int {
	a := luax.Read(L, "gradcheck")
	fn := a.Func("fn")
	var inputs []*tensor.Tensor
	if t, ok := luax.To[*tensor.Tensor](a.Peek()); ok {
		a.Any()
		inputs = []*tensor.Tensor{t}
	} else {
		inputs = b.tensors(&a)
	}
	o := a.Options("step", "rtol", "atol")
	a.End()
	worst, err := tensor.GradCheck(func(in []*tensor.Tensor) *tensor.Tensor {
		args := make([]lua.LValue, len(in))
		for i, t := range in {
			args[i] = b.Wrap(L, t)
		}
		return scalar(&a, b.call(L, fn, args...))
	}, inputs, tensor.GradCheckOptions{Step: o.Number("step", 0), RTol: o.Number("rtol", 0), ATol: o.Number("atol", 0)})
	if err != nil {
		b.vm.Raise(L, err)
	}
	L.Push(lua.LNumber(worst))
	return 1
}
