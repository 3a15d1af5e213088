package tensor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
)

var unaries = map[string]func(*tensor.Tensor) *tensor.Tensor{
	"exp": (*tensor.Tensor).Exp, "log": (*tensor.Tensor).Log, "log1p": (*tensor.Tensor).Log1p, "expm1": (*tensor.Tensor).Expm1,
	"sqrt": (*tensor.Tensor).Sqrt, "abs": (*tensor.Tensor).Abs, "neg": (*tensor.Tensor).Neg, "sigmoid": (*tensor.Tensor).Sigmoid,
	"logsigmoid": (*tensor.Tensor).LogSigmoid, "softplus": (*tensor.Tensor).Softplus, "tanh": (*tensor.Tensor).Tanh,
	"relu": (*tensor.Tensor).ReLU, "square": (*tensor.Tensor).Square, "sign": (*tensor.Tensor).Sign,
	"floor": (*tensor.Tensor).Floor, "round": (*tensor.Tensor).Round, "lnot": (*tensor.Tensor).Not,
}

var binaries = []string{"add", "sub", "mul", "div", "pow", "minimum", "maximum", "eq", "ne", "lt", "le", "gt", "ge", "land", "lor"}

var reductions = map[string]func(t *tensor.Tensor, dim ...int) *tensor.Tensor{
	"sum": (*tensor.Tensor).Sum, "mean": (*tensor.Tensor).Mean, "var": (*tensor.Tensor).Var, "std": (*tensor.Tensor).Std,
	"min": (*tensor.Tensor).Min, "max": (*tensor.Tensor).Max, "logsumexp": (*tensor.Tensor).LogSumExp,
	"prod": (*tensor.Tensor).Prod, "norm": (*tensor.Tensor).Norm, "any": (*tensor.Tensor).Any, "all": (*tensor.Tensor).All,
	"argmax": (*tensor.Tensor).Argmax, "argmin": (*tensor.Tensor).Argmin,
}

var scans = map[string]func(t *tensor.Tensor, dim int) *tensor.Tensor{
	"softmax": (*tensor.Tensor).Softmax, "log_softmax": (*tensor.Tensor).LogSoftmax, "cumsum": (*tensor.Tensor).Cumsum,
}

var segments = map[string]func(t *tensor.Tensor, offsets []int) *tensor.Tensor{
	"segment_sum": (*tensor.Tensor).SegmentSum, "segment_mean": (*tensor.Tensor).SegmentMean,
	"segment_max": (*tensor.Tensor).SegmentMax, "segment_expand": (*tensor.Tensor).SegmentExpand,
}

// methods maps names to functions while the class is put together.
type methods map[string]lua.LGFunction

// class defines what a tensor looks like from Lua.
func (b *Binding) class() {
	m := methods{}
	for name, f := range unaries {
		b.elementwise(m, name, func(_ *luax.Args, t *tensor.Tensor) *tensor.Tensor { return f(t) })
	}
	for _, name := range binaries {
		op, _ := tensor.BinaryOf(name)
		b.elementwise(m, name, func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
			if v, ok := a.Peek().(lua.LNumber); ok {
				a.Any()
				return op.With(t, float64(v))
			}
			return op.Of(t, b.operand(a, "other"))
		})
	}
	b.elementwise(m, "clamp", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		o := a.Options("min", "max")
		return t.Clamp(o.Number("min", math.Inf(-1)), o.Number("max", math.Inf(1)))
	})
	for name, f := range reductions {
		m[name] = func(L *lua.LState) int { return b.reduce(L, name, f) }
	}
	for name, f := range scans {
		m[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			t := b.self(&a)
			d := dim(&a, t, 0)
			b.wanted = true
			return b.push(L, f(t, d))
		}
	}
	for name, f := range segments {
		m[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			t := b.self(&a)
			o := offsets(&a)
			b.wanted = true
			return b.push(L, f(t, o))
		}
	}
	b.shapeMethods(m)
	b.gradientMethods(m)
	b.valueMethods(m)
	meta := b.operators()
	for _, functions := range []map[string]lua.LGFunction{m, meta} {
		for name, f := range functions {
			functions[name] = b.entering(f)
		}
	}
	luax.Define(b.vm, luax.Class[*tensor.Tensor]{Name: "tensor", Methods: m, Meta: meta, Get: b.get, Set: b.set, Fields: []string{"grad"}})
}

// elementwise adds a method and its form that works in place.
func (b *Binding) elementwise(m methods, name string, f func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor) {
	m[name] = func(L *lua.LState) int {
		a := luax.Read(L, name)
		t := b.self(&a)
		b.wanted = true
		out := f(&a, t)
		a.End()
		return b.push(L, out)
	}
	in := name + "_"
	m[in] = func(L *lua.LState) int {
		a := luax.Read(L, in)
		t := luax.Self[*tensor.Tensor](&a)
		b.assign(L, in, t, f(&a, t.Detach()))
		a.End()
		L.Push(L.Get(1))
		return 1
	}
}

func (b *Binding) assign(L *lua.LState, fn string, t, u *tensor.Tensor) {
	if err := t.Assign(fn, u); err != nil {
		b.vm.Raise(L, err)
	}
}

func (b *Binding) operators() map[string]lua.LGFunction {
	meta := map[string]lua.LGFunction{
		"__unm": func(L *lua.LState) int {
			a := luax.Read(L, "unary minus")
			t := b.self(&a)
			b.wanted = true
			return b.push(L, t.Neg())
		},
		"__len": func(L *lua.LState) int {
			a := luax.Read(L, "#")
			t := luax.Self[*tensor.Tensor](&a)
			if t.Dims() == 0 {
				a.Fail("a scalar has no length")
			}
			L.Push(lua.LNumber(t.Shape()[0]))
			return 1
		},
		"__concat": func(L *lua.LState) int {
			a := luax.Read(L, "concat")
			s := text(&a) + text(&a)
			b.vm.CheckString(L, len(s))
			L.Push(lua.LString(s))
			return 1
		},
	}
	for event, name := range map[string]string{"__add": "add", "__sub": "sub", "__mul": "mul", "__div": "div", "__pow": "pow"} {
		op, _ := tensor.BinaryOf(name)
		meta[event] = func(L *lua.LState) int {
			b.wanted = true
			left, right := L.Get(1), L.Get(2)
			if ud, ok := left.(*lua.LUserData); ok {
				if t, ok := ud.Value.(*tensor.Tensor); ok {
					t = b.mode(L, t)
					switch v := right.(type) {
					case lua.LNumber:
						return b.push(L, op.With(t, float64(v)))
					case *lua.LUserData:
						if u, ok := v.Value.(*tensor.Tensor); ok {
							return b.push(L, op.Of(t, b.mode(L, u)))
						}
					}
				}
			}
			a := luax.Read(L, name)
			t := b.operand(&a, "left operand")
			return b.push(L, op.Of(t, b.operand(&a, "right operand")))
		}
	}
	for event, names := range map[string][3]string{"__lt": {"<", "lt", "gt"}, "__le": {"<=", "le", "ge"}} {
		meta[event] = func(L *lua.LState) int {
			a := luax.Read(L, names[0])
			a.Fail("operators do not compare tensors: a:%s(b) and a:%s(b) give masks", names[1], names[2])
			return 0
		}
	}
	return meta
}

// text reads an operand of .. as it shows: a tensor with one element is its
// number.
func text(a *luax.Args) string {
	v := a.Any()
	t, ok := luax.To[*tensor.Tensor](v)
	if !ok {
		switch v.(type) {
		case lua.LString, lua.LNumber, *lua.LUserData:
			return a.VM().Text(a.L, v)
		}
		a.Bad("operand", v, "string, number or tensor")
	}
	if t.Len() == 1 {
		x, _ := t.Item()
		return a.VM().Text(a.L, lua.LNumber(x))
	}
	return t.String()
}

func (b *Binding) reduce(L *lua.LState, name string, f func(t *tensor.Tensor, dim ...int) *tensor.Tensor) int {
	a := luax.Read(L, name)
	t := b.self(&a)
	var dims []int // none: everything
	keep := false
	if a.Left() > 0 {
		if a.Peek() != lua.LNil {
			dims = []int{dim(&a, t, 0)}
		} else {
			a.Any()
		}
		o := a.Options("keepdim")
		a.End()
		keep = o.Bool("keepdim", false)
	}
	b.wanted = true
	out := f(t, dims...)
	if keep && out.Err() == nil {
		shape := slices.Repeat([]int{1}, t.Dims())
		if dims != nil {
			copy(shape, t.Shape())
			shape[(dims[0]+t.Dims())%t.Dims()] = 1
		}
		out = out.Reshape(shape...)
	}
	if strings.HasPrefix(name, "arg") {
		out = out.Add(b.alloc.Scalar(1)) // positions count from 1
	}
	return b.push(L, out)
}

func (b *Binding) shapeMethods(m methods) {
	m["shape"] = func(L *lua.LState) int {
		a := luax.Read(L, "shape")
		list := luax.List(b.vm, luax.Self[*tensor.Tensor](&a).Shape())
		L.Push(luax.Record(b.vm, "shape", list, func(L *lua.LState, t *lua.LTable) string {
			a := luax.Read(L, "tostring")
			return fmt.Sprint(luax.Numbers[int](&a, "shape", t))
		}))
		return 1
	}
	count := func(name string, f func(t *tensor.Tensor) int) {
		m[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			L.Push(lua.LNumber(f(luax.Self[*tensor.Tensor](&a))))
			return 1
		}
	}
	count("dim", (*tensor.Tensor).Dims)
	count("numel", (*tensor.Tensor).Len)
	view := func(name string, f func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor) {
		m[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			t := b.self(&a)
			b.wanted = true
			out := f(&a, t)
			a.End()
			return b.push(L, out)
		}
	}
	view("reshape", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor { return t.Reshape(sizes(a)...) })
	view("view", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		if !t.Contiguous() {
			a.FailHint("use reshape, which copies", "the elements of shape %v do not lie in order", t.Shape())
		}
		return t.Reshape(sizes(a)...)
	})
	view("expand", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		out := t.Expand(sizes(a)...)
		// A view costs nothing, but whatever is done with it does.
		if most := b.vm.Limits().TensorBytes / 4; int64(out.Len()) > most {
			b.vm.Raise(a.L, runtime.Faultf(runtime.CodeLimit, "expand: shape %v has %d elements, want at most %d, what Limits.TensorBytes holds", out.Shape(), out.Len(), most))
		}
		return out
	})
	view("t", func(_ *luax.Args, t *tensor.Tensor) *tensor.Tensor { return t.T() })
	view("transpose", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		d := dim(a, t, 0)
		return t.Transpose(d, dim(a, t, 0))
	})
	view("squeeze", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		if a.Left() == 0 {
			return t.Squeeze()
		}
		return t.Squeeze(dim(a, t, 0))
	})
	view("unsqueeze", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor { return t.Unsqueeze(dim(a, t, 1)) })
	view("narrow", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		d := dim(a, t, 0)
		n, _ := t.Size(d)
		start, length := a.Int("start"), a.Int("length")
		if start < 1 || length < 0 || start-1 > n-length {
			a.Fail("start %d and length %d do not fit into %d positions of shape %v", start, length, n, t.Shape())
		}
		return t.Narrow(d, start-1, length)
	})
	view("matmul", func(a *luax.Args, t *tensor.Tensor) *tensor.Tensor {
		u := b.operand(a, "other")
		return t.MatMul(u)
	})
	view("clone", func(_ *luax.Args, t *tensor.Tensor) *tensor.Tensor { return t.Clone() })
	view("detach", func(_ *luax.Args, t *tensor.Tensor) *tensor.Tensor { return t.Detach() })
}

func (b *Binding) valueMethods(m methods) {
	m["item"] = func(L *lua.LState) int {
		a := luax.Read(L, "item")
		v, err := luax.Self[*tensor.Tensor](&a).Item()
		if err != nil {
			b.vm.Raise(L, err)
		}
		L.Push(lua.LNumber(v))
		return 1
	}
	m["tolist"] = func(L *lua.LState) int {
		a := luax.Read(L, "tolist")
		t := luax.Self[*tensor.Tensor](&a)
		values := 1
		for _, size := range t.Shape() { // also of a tensor without elements, which may have many rows
			if most := b.vm.Limits().TableSize; size > most/max(values, 1) {
				b.vm.Raise(L, runtime.Faultf(runtime.CodeLimit, "tolist: got %v, want at most %d elements or rows, the limit of a table", t.Shape(), most))
			}
			if values *= size; values == 0 {
				break
			}
		}
		c := t.Detach()
		if !c.Contiguous() {
			c = c.Clone()
		}
		if err := c.Err(); err != nil {
			b.vm.Raise(L, err)
		}
		data := c.Data()
		L.Push(b.list(b.vm.Context(L), L, t.Shape(), &data))
		return 1
	}
	m["equal"] = func(L *lua.LState) int {
		a := luax.Read(L, "equal")
		t := luax.Self[*tensor.Tensor](&a)
		L.Push(lua.LBool(t.Equal(luax.Object[*tensor.Tensor](&a, "other"))))
		return 1
	}
	m["allclose"] = func(L *lua.LState) int {
		a := luax.Read(L, "allclose")
		t, u := luax.Self[*tensor.Tensor](&a), luax.Object[*tensor.Tensor](&a, "other")
		o := a.Options("rtol", "atol")
		L.Push(lua.LBool(t.AllClose(u, o.Number("rtol", 1e-5), o.Number("atol", 1e-8))))
		return 1
	}
	fill := func(name string, value func(a *luax.Args) *tensor.Tensor) {
		m[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			t := luax.Self[*tensor.Tensor](&a)
			b.assign(L, name, t, value(&a))
			L.Push(L.Get(1))
			return 1
		}
	}
	fill("zero_", func(*luax.Args) *tensor.Tensor { return b.alloc.Scalar(0) })
	fill("fill_", func(a *luax.Args) *tensor.Tensor { return b.alloc.Scalar(a.Number("value")) })
	fill("copy_", func(a *luax.Args) *tensor.Tensor { return b.operand(a, "other") })
}

// list is nested Lua lists of the elements, taken from the front of data.
func (b *Binding) list(ctx context.Context, L *lua.LState, shape []int, data *[]float32) lua.LValue {
	if len(shape) == 0 {
		v := (*data)[0]
		*data = (*data)[1:]
		if len(*data)%pollItems == 0 && ctx.Err() != nil {
			b.vm.Raise(L, context.Cause(ctx))
		}
		return lua.LNumber(v)
	}
	out := b.vm.NewTable(shape[0], 0)
	for i := range shape[0] {
		if i%pollItems == pollItems-1 && ctx.Err() != nil { // rows may be empty
			b.vm.Raise(L, context.Cause(ctx))
		}
		out.RawSetInt(i+1, b.list(ctx, L, shape[1:], data))
	}
	return out
}

// pollItems of a list are made between looks at the context.
const pollItems = 1 << 14
