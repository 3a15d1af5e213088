package runtime

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Where a thread keeps its innermost frame and its open upvalues, a frame its
// place in the stack, and an upvalue the next one: gopher-lua shows none of it.
var currentOffset, openOffset, placeOffset, nextOffset = func() (current, open, place, next uintptr) {
	thread, frame, upvalue := reflect.TypeFor[lua.LState](), reflect.TypeFor[lua.Debug]().Field(frameOf).Type, reflect.TypeFor[*lua.Upvalue]()
	offset := func(in reflect.Type, name string, want reflect.Type) uintptr {
		f, ok := in.FieldByName(name)
		if !ok || f.Type != want {
			panic("runtime: gopher-lua's " + in.Name() + " has no " + name)
		}
		return f.Offset
	}
	return offset(thread, "currentFrame", frame), offset(thread, "uvcache", upvalue),
		offset(frame.Elem(), "Idx", reflect.TypeFor[int]()), offset(upvalue.Elem(), "next", upvalue)
}()

// registryOffset is where a thread keeps its stack of values, a slice at valuesOffset.
var registryOffset, valuesOffset = func() (registry, values uintptr) {
	r, ok := reflect.TypeFor[lua.LState]().FieldByName("reg")
	if !ok || r.Type.Kind() != reflect.Pointer {
		panic("runtime: gopher-lua's threads have no registry")
	}
	v, ok := r.Type.Elem().FieldByName("array")
	if !ok || v.Type != reflect.TypeFor[[]lua.LValue]() {
		panic("runtime: gopher-lua's registries have no values")
	}
	return r.Offset, v.Offset
}()

// stackSize is how many values L has room for.
func stackSize(L *lua.LState) int {
	registry := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), registryOffset))
	return len(*(*[]lua.LValue)(unsafe.Add(registry, valuesOffset)))
}

// currentFrame is the innermost frame of L, or nil.
func currentFrame(L *lua.LState) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), currentOffset))
}

// parentFrame is the frame around f, or nil.
func parentFrame(f unsafe.Pointer) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(f, parentOffset))
}

// frames is how many calls are open in L.
func frames(L *lua.LState) int {
	f := currentFrame(L)
	if f == nil {
		return 0
	}
	return *(*int)(unsafe.Add(f, placeOffset)) + 1
}

// openUpvalues is where L keeps the list of locals that closures share with
// functions that are still running.
func openUpvalues(L *lua.LState) **lua.Upvalue {
	return (**lua.Upvalue)(unsafe.Add(unsafe.Pointer(L), openOffset))
}

// closeUpvalues gives the closures what those locals hold now.
func closeUpvalues(L *lua.LState) {
	open := openUpvalues(L)
	for uv := *open; uv != nil; uv = *(**lua.Upvalue)(unsafe.Add(unsafe.Pointer(uv), nextOffset)) {
		uv.Close()
	}
	*open = nil
}

// keysOffset and placesOffset are where a table keeps its keys in order of
// insertion, and the place of each.
var keysOffset, placesOffset = func() (keys, places uintptr) {
	t := reflect.TypeFor[lua.LTable]()
	k, ok := t.FieldByName("keys")
	if !ok || k.Type != reflect.TypeFor[[]lua.LValue]() {
		panic("runtime: gopher-lua's tables have no list of keys")
	}
	p, ok := t.FieldByName("k2i")
	if !ok || p.Type != reflect.TypeFor[map[lua.LValue]int]() {
		panic("runtime: gopher-lua's tables have no places of keys")
	}
	return k.Offset, p.Offset
}()

// order makes room in a new table for the order of n keys, which gopher-lua lets
// grow from nothing.
func order(t *lua.LTable, n int) {
	*(*[]lua.LValue)(unsafe.Add(unsafe.Pointer(t), keysOffset)) = make([]lua.LValue, 0, n)
	*(*map[lua.LValue]int)(unsafe.Add(unsafe.Pointer(t), placesOffset)) = make(map[lua.LValue]int, n)
}
