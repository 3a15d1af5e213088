// Package tensor is the Lua module hud.tensor: the tensors of runtime/tensor
// as userdata with operators, methods and indexing. It adds no rules of its
// own, only Lua's conventions: positions and dimensions count from 1, and a
// number stands for a tensor without dimensions.
package tensor

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Module is hud.tensor.
func Module() runtime.Module {
	return runtime.Module{Name: "hud.tensor", Open: Open}
}

// Open gives the module's table, the same for every call on one VM.
func Open(vm *runtime.VM) (lua.LValue, error) { return Of(vm).module, nil }

// A Binding is the tensors of one VM. It is used under the interpreter lock.
type Binding struct {
	vm     *runtime.VM
	alloc  *tensor.Allocator
	module *lua.LTable
	env    *lua.LTable // of userdata
	meta   lua.LValue
	quiet  int         // tasks inside no_grad
	long   bool        // a tensor was seen that takes long to compute with
	in     *lua.LState // inside a method or operator, where long
	fresh              // the result that is being made
}

type bindingKey struct{}

// Of is vm's Binding; the first call makes it.
func Of(vm *runtime.VM) *Binding {
	if b, ok := vm.Value(bindingKey{}).(*Binding); ok {
		return b
	}
	b := &Binding{vm: vm}
	b.alloc = tensor.NewAllocator(&budget{Limit: tensor.NewLimit(vm.Limits().TensorBytes), b: b})
	b.alloc.SetRunner(b.lend)
	b.alloc.SetContext(b.context)
	b.alloc.SetMaker(b)
	vm.SetValue(bindingKey{}, b)
	b.class()
	blank := vm.Wrap((*tensor.Tensor)(nil))
	b.env, b.meta = blank.Env, blank.Metatable
	b.module = b.functions()
	return b
}

// Allocator counts the VM's tensor storage against Limits.TensorBytes.
func (b *Binding) Allocator() *tensor.Allocator { return b.alloc }

// leftFrames is how many frames a tensor limit clears before it refuses.
const leftFrames = 16

// budget is a limit whose error says how to raise it.
type budget struct {
	*tensor.Limit
	b *Binding
}

func (l *budget) Reserve(bytes int64) error {
	err := l.Limit.Reserve(bytes)
	if err != nil && l.b.in != nil {
		overwrite(l.b.in, l.b.vm, leftFrames)
		err = l.Limit.Reserve(bytes)
	}
	if err != nil {
		return &limitError{err}
	}
	return nil
}

// limitError is the host's size limit around the allocator's.
type limitError struct{ err error }

func (e *limitError) Error() string     { return e.err.Error() }
func (e *limitError) Unwrap() []error   { return []error{runtime.ErrSize, e.err} }
func (e *limitError) ErrorCode() string { return runtime.CodeLimit }

// Wrap is t as a Lua value. A failed tensor raises its error.
func (b *Binding) Wrap(L *lua.LState, t *tensor.Tensor) lua.LValue {
	ud := b.take(t)
	if err := t.Err(); err != nil {
		b.vm.Raise(L, err)
	}
	b.long = b.long || t.Len() >= longLen
	if ud != nil {
		return ud
	}
	return &lua.LUserData{Value: t, Env: b.env, Metatable: b.meta}
}

func (b *Binding) push(L *lua.LState, t *tensor.Tensor) int {
	L.Push(b.Wrap(L, t))
	return 1
}

// noGradKey is the task value that counts enclosing calls of no_grad.
type noGradKey struct{}

// mode is t as the task that runs L computes with it.
func (b *Binding) mode(L *lua.LState, t *tensor.Tensor) *tensor.Tensor {
	if b.quiet > 0 && t.RequiresGrad() && b.vm.CurrentTask(L).Value(noGradKey{}) != nil {
		return t.Detach()
	}
	return t
}

// noGrad runs f without recording graphs in the task of L.
func (b *Binding) noGrad(L *lua.LState, f func()) {
	task := b.vm.CurrentTask(L)
	before := task.Value(noGradKey{})
	task.SetValue(noGradKey{}, true)
	b.quiet++
	defer func() {
		b.quiet--
		task.SetValue(noGradKey{}, before)
	}()
	f()
}

// longLen is how many elements may take a millisecond to compute.
const longLen = 1 << 18

// entering is f, during which long work lets other tasks run.
func (b *Binding) entering(f lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if b.long {
			b.in = L
		}
		defer b.leave()
		return f(L)
	}
}

func (b *Binding) leave() {
	b.fresh = fresh{}
	if b.in != nil {
		b.in = nil
	}
}

// lend runs work of a method or operator while other tasks run. Elsewhere the
// interpreter lock may not be held: Go code computes with a tensor it got.
func (b *Binding) lend(work func()) error {
	if b.in == nil {
		work()
		return nil
	}
	in, fresh := b.in, b.fresh
	err := b.vm.Wait(in, work)
	b.in, b.fresh = in, fresh // other tasks had theirs meanwhile
	return err
}

// context is that of the task that computes.
func (b *Binding) context() context.Context {
	if b.in == nil {
		return context.Background()
	}
	return b.vm.Context(b.in)
}

// self reads the tensor that a method was called on, to compute with.
func (b *Binding) self(a *luax.Args) *tensor.Tensor { return b.mode(a.L, luax.Self[*tensor.Tensor](a)) }

// operand reads a tensor or a number.
func (b *Binding) operand(a *luax.Args, param string) *tensor.Tensor {
	v := a.Any()
	switch v := v.(type) {
	case lua.LNumber:
		return b.alloc.Scalar(float64(v))
	case *lua.LUserData:
		if t, ok := v.Value.(*tensor.Tensor); ok {
			return b.mode(a.L, t)
		}
	}
	a.Bad(param, v, "tensor or number")
	return nil
}

// dim reads a dimension of t counted from 1, or from −1 at the end, and gives
// it as the library counts; extra allows positions after the last.
func dim(a *luax.Args, t *tensor.Tensor, extra int) int {
	d, n := a.Int("dim"), t.Dims()+extra
	switch {
	case d >= 1 && d <= n:
		return d - 1
	case d <= -1 && d >= -n:
		return d
	case n == 0:
		a.Fail("dim: got %d, but a scalar has no dimensions", d)
	}
	a.Fail("dim: got %d, want 1 to %d, or -1 to -%d, for shape %v", d, n, n, t.Shape())
	return 0
}

// sizes reads the arguments that are left as a shape: numbers, or one table.
func sizes(a *luax.Args) []int {
	if _, ok := a.Peek().(*lua.LTable); ok {
		return luax.Numbers[int](a, "shape", a.Table("shape"))
	}
	var out []int
	for a.Left() > 0 {
		out = append(out, a.Int("size"))
	}
	return out
}

// offsets reads a list of integers, or a tensor of them.
func offsets(a *luax.Args) []int {
	t, ok := luax.To[*tensor.Tensor](a.Peek())
	if !ok {
		return luax.Numbers[int](a, "offsets", a.Table("offsets"))
	}
	a.Any()
	out := make([]int, t.Len())
	for k, x := range t.Data() {
		out[k] = a.AsInt("offsets", lua.LNumber(x))
	}
	return out
}

// overwrite makes n calls within each other. gopher-lua's frames that were left
// keep their functions, and with them the tensors that these captured, until
// others take their place.
func overwrite(L *lua.LState, vm *runtime.VM, n int) {
	if n > 0 {
		L.Push(vm.NewFunction(func(L *lua.LState) int { overwrite(L, vm, n-1); return 0 }))
		L.Call(0, 0)
	}
}
