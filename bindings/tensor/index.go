package tensor

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// get is t.grad, t[i] and t[{…}].
func (b *Binding) get(L *lua.LState, t *tensor.Tensor, key lua.LValue) (lua.LValue, bool) {
	if name, ok := key.(lua.LString); ok {
		if name != "grad" {
			return nil, false
		}
		if g := t.Grad(); g != nil {
			return b.Wrap(L, g), true
		}
		return lua.LNil, true
	}
	a := luax.Read(L, "index")
	t = b.mode(L, t)
	if v, ok := key.(lua.LNumber); ok && t.Dims() > 0 {
		i := position(&a, v, t.Shape()[0], 1)
		b.wanted = true
		return b.Wrap(L, t.Select(0, i)), true
	}
	return b.Wrap(L, part(&a, t, key)), true
}

// set is t[i] = v, t[{…}] = v and t[mask] = v.
func (b *Binding) set(L *lua.LState, t *tensor.Tensor, key, value lua.LValue) bool {
	a := luax.Read(L, "assignment")
	if name, ok := key.(lua.LString); ok {
		if name == "grad" {
			a.FailHint("zero_grad() forgets it", "grad cannot be set")
		}
		return false
	}
	if t.RequiresGrad() {
		a.FailHint("build the result with where, cat or stack, or assign to a detach() of it", "the tensor requires grad")
	}
	a.Any()
	a.Any()
	if mask, ok := luax.To[*tensor.Tensor](key); ok {
		if err := t.AssignWhere("assignment", mask, b.operand(&a, "value")); err != nil {
			b.vm.Raise(L, err)
		}
		return true
	}
	b.assign(L, "assignment", part(&a, t, key), b.operand(&a, "value"))
	return true
}

// part is the view that a position or a table of positions and ranges names.
func part(a *luax.Args, t *tensor.Tensor, key lua.LValue) *tensor.Tensor {
	switch key := key.(type) {
	case lua.LNumber:
		return at(a, t, 0, key, 1)
	case *lua.LTable:
		n := key.Len()
		if n > t.Dims() {
			a.Fail("got %d positions for shape %v", n, t.Shape())
		}
		d := 0
		for k := 1; k <= n; k++ {
			switch v := key.RawGetInt(k).(type) {
			case lua.LNumber:
				t = at(a, t, d, v, k)
			case *lua.LTable:
				t = span(a, t, d, v, k)
				d++
			default:
				a.Bad("position", v, "a whole number or a range {first, last}")
			}
		}
		return t
	}
	a.Bad("key", key, "a whole number, a table of positions and ranges, or a method's name")
	return nil
}

// at selects a position of dimension d, the k-th that was given.
func at(a *luax.Args, t *tensor.Tensor, d int, v lua.LValue, k int) *tensor.Tensor {
	if t.Dims() == 0 {
		a.Fail("a scalar has no positions")
	}
	return t.Select(d, position(a, v, t.Shape()[d], k))
}

// position turns a position from 1, or from −1 at the end, into one from 0.
func position(a *luax.Args, v lua.LValue, n, k int) int {
	i := a.AsInt("position", v)
	switch {
	case i >= 1 && i <= n:
		return i - 1
	case i <= -1 && i >= -n:
		return i + n
	}
	a.Fail("position %d out of range: dimension %d has length %d", i, k, n)
	return 0
}

// span narrows dimension d to {}, {first} or {first, last}.
func span(a *luax.Args, t *tensor.Tensor, d int, r *lua.LTable, k int) *tensor.Tensor {
	n := t.Shape()[d]
	switch r.Len() {
	case 0:
		return t
	case 1, 2:
		first := position(a, r.RawGetInt(1), n, k)
		last := position(a, r.RawGetInt(r.Len()), n, k)
		if last < first {
			a.Fail("range {%d, %d} of dimension %d runs backwards", first+1, last+1, k)
		}
		return t.Narrow(d, first, last-first+1)
	}
	a.Fail("got a range of %d numbers, want {first, last}", r.Len())
	return nil
}
