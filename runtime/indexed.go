package runtime

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

var pcOffset, fnOffset = func() (pc, fn uintptr) {
	frame := reflect.TypeFor[lua.Debug]().Field(frameOf).Type.Elem()
	p, ok := frame.FieldByName("Pc")
	if !ok || p.Type.Kind() != reflect.Int {
		panic("runtime: gopher-lua's frames do not say where they are")
	}
	f, ok := frame.FieldByName("Fn")
	if !ok || f.Type != reflect.TypeFor[*lua.LFunction]() {
		panic("runtime: gopher-lua's frames do not say what runs in them")
	}
	return p.Offset, f.Offset
}()

// maxIndexed is how long a chain of __index gopher-lua follows.
const maxIndexed = 100

// Indexed is the object a field of which is being looked up, for a function that
// is the __index of a table of methods, and only from inside it.
//
// The methods of an object are found soonest where its __index is a table:
// gopher-lua calls a function for each method otherwise. What the table lacks is
// a function's affair again, the __index of the table itself, but gopher-lua
// hands it the table and not the object. That stands where the instruction of
// the caller says, or at the end of a chain of __index that begins there; where
// the caller is a host function, among its arguments. meta is the metatable of
// such objects; without one Indexed raises.
func (vm *VM) Indexed(L *lua.LState, meta *lua.LTable) lua.LValue {
	if dbg, ok := L.GetStack(1); ok {
		frame := framePointer(dbg)
		fn := *(**lua.LFunction)(unsafe.Add(frame, fnOffset))
		if fn.IsG {
			for i := 1; ; i++ {
				name, v := L.GetLocal(dbg, i)
				if name == "" {
					break
				}
				if o := ownerOf(L, v, meta); o != lua.LNil {
					return o
				}
			}
		} else if pc := *(*int)(unsafe.Add(frame, pcOffset)) - 1; pc >= 0 && pc < len(fn.Proto.Code) {
			inst, v := fn.Proto.Code[pc], lua.LValue(lua.LNil)
			switch opcode(inst) {
			case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
				_, v = L.GetLocal(dbg, int(inst&0x1ff)+1)
			case lua.OP_GETGLOBAL:
				v = fn.Env
			}
			if o := ownerOf(L, v, meta); o != lua.LNil {
				return o
			}
		}
	}
	vm.Raise(L, Faultf(CodeValidation, "a host function looked up a field of an object that it was not given"))
	return nil
}

// ownerOf is v, or what its __index leads to, if meta is its metatable; else nil.
func ownerOf(L *lua.LState, v lua.LValue, meta *lua.LTable) lua.LValue {
	for range maxIndexed {
		if ud, ok := v.(*lua.LUserData); ok && ud.Metatable == meta {
			return v
		}
		if v = L.GetMetaField(v, "__index"); v == lua.LNil {
			break
		}
	}
	return lua.LNil
}
