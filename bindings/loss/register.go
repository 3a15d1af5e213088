package loss

import (
	"fmt"
	"regexp"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
)

// A registered is a loss of the script's own.
type registered struct {
	name     string
	fn       *lua.LFunction // fn(data, logprobs, options) → loss [, metrics]
	defaults *lua.LTable    // of its options
	keys     []string       // of defaults
	formula  string
	reference,
	detached bool
	saysDetached bool
}

// find is the script's loss of that name, or nil.
func (l *library) find(name string) *registered {
	for _, r := range l.own {
		if r.name == name {
			return r
		}
	}
	return nil
}

// unknown says that there is no loss of that name, and which is meant.
func (l *library) unknown(op, name string) error {
	if r, ok := loss.Find(name); ok {
		return &hud.Error{Op: op, Code: hud.CodeValidation,
			Detail: fmt.Sprintf("%s is of kind %s, want a loss of tokens, pairs or answers", name, r.Kind), Hint: "it is used as " + r.Call()}
	}
	known := lossNames()
	for _, r := range l.own {
		known = append(known, r.name)
	}
	slices.Sort(known)
	e := &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("unknown loss %q", name), Hint: "loss.list() has them all"}
	if near := runtime.Nearest(name, known); near != "" {
		e.Detail += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return e
}

var lossName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// reserved are words that no Lua name can be written with.
var reserved = []string{"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while", none}

// register is loss.register(name, fn, options).
func register(L *lua.LState) int {
	a := luax.Read(L, "register")
	name, fn := a.String("name"), a.Func("loss")
	o := a.Options("defaults", "formula", "reference", "detached")
	a.End()
	lib := of(a.VM())
	_, isRow := loss.Find(name)
	switch {
	case !lossName.MatchString(name) || slices.Contains(reserved, name):
		a.Fail("name: got %q, want a name of lower-case letters, digits and _, such as \"my_loss\"", name)
	case isRow || lib.table.RawGetString(name) != lua.LNil:
		a.FailHint("choose another: nothing of the module is replaced", "name: %q is there already", name)
	}
	r := &registered{name: name, fn: fn, defaults: o.Table("defaults"), formula: o.String("formula", ""),
		reference: o.Bool("reference", false), detached: o.Bool("detached", false), saysDetached: o.Has("detached")}
	if r.defaults != nil {
		for k, _ := r.defaults.Next(lua.LNil); k != lua.LNil; k, _ = r.defaults.Next(k) {
			r.keys = append(r.keys, a.AsString("defaults: a name", k))
		}
	}
	lib.own = append(lib.own, r)
	lib.table.RawSetString(name, a.VM().NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, name)
		data := a.Table("data")
		options := r.options(&a)
		a.End()
		return r.call(&a, data, logprobsOf(&a, data), options)
	}))
	return 0
}

// options reads an option table, with the defaults for what it leaves out.
func (r *registered) options(a *luax.Args) *lua.LTable {
	if len(r.keys) == 0 {
		if t := a.OptTable("options"); t != nil {
			if k, _ := t.Next(lua.LNil); k != lua.LNil {
				a.Fail("unknown option %q: %s has none", k.String(), r.name)
			}
		}
		return a.VM().NewTable(0, 0)
	}
	o := a.Options(r.keys...)
	t := a.VM().NewTable(0, len(r.keys))
	for _, k := range r.keys {
		v := o.Value(k)
		if v == lua.LNil {
			v = r.defaults.RawGetString(k)
		}
		t.RawSetString(k, v)
	}
	return t
}

// call runs the loss and pushes what it returns.
func (r *registered) call(a *luax.Args, data *lua.LTable, logprobs lua.LValue, options *lua.LTable) int {
	out, err := a.VM().Call(a.L, r.fn, data, logprobs, options)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	for _, v := range out {
		a.L.Push(v)
	}
	return len(out)
}

// custom is the loss as a function for forward_backward_custom; a holds its
// options.
func (r *registered) custom(a *luax.Args) *lua.LFunction {
	options := r.options(a)
	a.End()
	return carrying(a.VM(), needs{name: r.name, reference: r.reference}, func(L *lua.LState) int {
		a := luax.Read(L, r.name)
		data := a.Table("data")
		logprobs := a.Any()
		if logprobs == lua.LNil {
			logprobs = logprobsOf(&a, data)
		}
		return r.call(&a, data, logprobs, options)
	})
}

// logprobsOf is the list of logprobs that a custom loss gets beside its data;
// for a packed table, or one datum, its logprobs.
func logprobsOf(a *luax.Args, data *lua.LTable) lua.LValue {
	if data.Len() == 0 {
		return data.RawGetString("logprobs")
	}
	list := a.VM().NewTable(data.Len(), 0)
	for i := range data.Len() {
		datum := a.AsTable(fmt.Sprintf("data[%d]", i+1), data.RawGetInt(i+1))
		list.RawSetInt(i+1, datum.RawGetString("logprobs"))
	}
	return list
}

// list is loss.list(): the table's rows, then the script's own.
func list(L *lua.LState) int {
	a := luax.Read(L, "list")
	a.End()
	vm := a.VM()
	rows, lib := loss.Table(), of(vm)
	out := vm.NewTable(len(rows)+len(lib.own), 0)
	add := func(fields map[string]any) {
		t := vm.NewTable(0, len(fields))
		for _, k := range []string{"name", "call", "section", "kind", "formula", "defaults", "source", "reference", "sampling", "extra", "needs"} {
			v, err := vm.ToLua(fields[k])
			if err != nil {
				vm.Raise(L, err)
			}
			if v != lua.LNil && v != lua.LString("") {
				t.RawSetString(k, v)
			}
		}
		out.Append(luax.Record(vm, "LossRow", t, func(L *lua.LState, t *lua.LTable) string {
			text := vm.Text(L, t.RawGetString("name"))
			if f := t.RawGetString("formula"); f != lua.LNil {
				text += ": " + vm.Text(L, f)
			}
			return text
		}))
	}
	for _, r := range rows {
		fields := map[string]any{"name": r.Name, "call": r.Call(), "section": r.Section, "kind": string(r.Kind), "formula": r.Formula, "defaults": r.Default,
			"source": r.Source, "reference": r.Reference, "sampling": r.Sampling, "needs": loss.Needs(r.Name)}
		if len(r.Extra) > 0 {
			fields["extra"] = r.Extra
		}
		add(fields)
	}
	for _, r := range lib.own {
		add(map[string]any{"name": r.name, "call": "loss." + r.name, "kind": "registered", "formula": r.formula, "reference": r.reference})
	}
	L.Push(out)
	return 1
}
