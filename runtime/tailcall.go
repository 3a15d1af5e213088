package runtime

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// gopher-lua remembers every tail call of a frame, and counts each as a level of
// its stack: a loop of tail calls that ran for a second has millions. They are
// skipped where frames are walked. gopher-lua shows neither the count nor the
// frame, so both are found by reflection.
var frameOf, tailOffset, parentOffset = func() (frame int, tail, parent uintptr) {
	debug := reflect.TypeFor[lua.Debug]()
	f, ok := debug.FieldByName("frame")
	if !ok || f.Type.Kind() != reflect.Pointer {
		panic("runtime: gopher-lua's Debug has no frame")
	}
	count, ok := f.Type.Elem().FieldByName("TailCall")
	if !ok || count.Type.Kind() != reflect.Int {
		panic("runtime: gopher-lua's frames do not count tail calls")
	}
	up, ok := f.Type.Elem().FieldByName("Parent")
	if !ok || up.Type != f.Type {
		panic("runtime: gopher-lua's frames have no parent")
	}
	return f.Index[0], count.Offset, up.Offset
}()

// framePointer is the frame that dbg, from GetStack, stands for.
func framePointer(dbg *lua.Debug) unsafe.Pointer {
	return reflect.ValueOf(dbg).Elem().Field(frameOf).UnsafePointer()
}

// tailCalls is how many levels of GetStack the frame takes beyond its own.
func tailCalls(L *lua.LState, dbg *lua.Debug) int {
	if fn, err := L.GetInfo("f", dbg, lua.LNil); err == nil {
		if f, ok := fn.(*lua.LFunction); ok && f.IsG {
			return 0
		}
	}
	return *(*int)(unsafe.Add(framePointer(dbg), tailOffset))
}

// pcOf is the instruction that a Lua function is carrying out in the frame.
func pcOf(dbg *lua.Debug) int {
	return *(*int)(unsafe.Add(framePointer(dbg), pcOffset)) - 1
}
