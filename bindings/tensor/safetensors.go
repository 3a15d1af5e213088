package tensor

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// save is tensor.save(tensors, {metadata=}): a safetensors file as a string.
func (b *Binding) save(L *lua.LState) int {
	a := luax.Read(L, "save")
	list := a.Table("tensors")
	o := a.Options("metadata")
	a.End()
	tensors := map[string]*tensor.Tensor{}
	size := 0
	for k, v := list.Next(lua.LNil); k != lua.LNil; k, v = list.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			a.Bad("tensors: a name", k, "string")
		}
		t := luax.As[*tensor.Tensor](&a, "tensors."+string(name), v)
		tensors[string(name)] = t
		size += len(name) + 4*t.Len()
		b.vm.CheckString(L, size)
	}
	metadata := map[string]string{}
	if m := o.Table("metadata"); m != nil {
		for k, v := m.Next(lua.LNil); k != lua.LNil; k, v = m.Next(k) {
			key, value := a.AsString("metadata: a key", k), a.AsString("metadata."+lua.LVAsString(k), v)
			size += len(key) + len(value)
			b.vm.CheckString(L, size)
			metadata[key] = value
		}
	}
	var out strings.Builder
	if err := tensor.WriteSafetensors(&out, tensors, metadata); err != nil {
		b.vm.Raise(L, err)
	}
	b.vm.CheckString(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}

// load is tensor.load(bytes): the tensors of a safetensors file by name, and
// its metadata.
func (b *Binding) load(L *lua.LState) int {
	a := luax.Read(L, "load")
	data := a.String("bytes")
	a.End()
	tensors, metadata, err := b.alloc.ReadSafetensors(strings.NewReader(data), int64(len(data)))
	if err != nil {
		b.vm.Raise(L, err)
	}
	out := b.vm.NewTable(0, len(tensors))
	for name, t := range tensors {
		out.RawSetString(name, b.Wrap(L, t))
	}
	about := b.vm.NewTable(0, len(metadata))
	for key, value := range metadata {
		about.RawSetString(key, lua.LString(value))
	}
	L.Push(out)
	L.Push(about)
	return 2
}
