package runtime

import (
	"fmt"
	"math"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// sparseFree is the index up to which a table may be sparse: gopher-lua fills
// the gap with nils, 16 bytes each.
const sparseFree = 1 << 20

// unchecked is the index up to which a store needs no check.
func (vm *VM) unchecked() lua.LNumber { return lua.LNumber(min(sparseFree, vm.cfg.Limits.TableSize)) }

func (vm *VM) tableFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"concat": vm.luaConcatTable,
		"insert": vm.luaInsert,
		"maxn":   vm.luaMaxn,
		"remove": vm.luaRemove,
		"sort":   vm.luaSort,
	}
}

// checkIndex raises before a store that would make gopher-lua fill a huge gap.
func (vm *VM) checkIndex(L *lua.LState, t *lua.LTable, key lua.LValue) {
	n, ok := key.(lua.LNumber)
	if !ok || n <= vm.unchecked() {
		return
	}
	f := float64(n)
	if f != math.Trunc(f) || f >= float64(lua.MaxArrayIndex) {
		if f >= float64(lua.MaxArrayIndex) && f == math.Trunc(f) && t.Len() >= lua.MaxArrayIndex-1 {
			vm.Raise(L, newLimit(ErrSize, "table size", formatNumber(f), lua.MaxArrayIndex-1, "nothing: split the table"))
		}
		return // it goes into the hash part
	}
	if f > float64(vm.cfg.Limits.TableSize) {
		vm.Raise(L, newLimit(ErrSize, "table size", formatNumber(f), vm.cfg.Limits.TableSize, "--max-table or Limits.TableSize"))
	}
	if length := t.Len(); f > sparseFree && f > 2*float64(length) && vm.cfg.Limits.TableSize < math.MaxInt {
		vm.Raise(L, &Fault{Code: CodeLimit, Err: ErrSize,
			Message: fmt.Sprintf("index %s far beyond length %d", formatNumber(f), length),
			Hint:    "use string keys for sparse data: t[tostring(n)]"})
	}
}

// store is t[key] = value with the index checked where it lands, along the
// chain of __newindex.
func (vm *VM) store(L *lua.LState, object, key, value lua.LValue) {
	n, ok := key.(lua.LNumber)
	if !ok || n <= vm.unchecked() {
		L.SetTable(object, key, value)
		return
	}
	at := object
	for range lua.MaxTableGetLoop {
		t, ok := at.(*lua.LTable)
		if !ok {
			break
		}
		mt, ok := t.Metatable.(*lua.LTable)
		if !ok || t.RawGet(key) != lua.LNil || mt.RawGetString("__newindex") == lua.LNil {
			vm.checkIndex(L, t, key)
			break
		}
		at = mt.RawGetString("__newindex")
	}
	L.SetTable(object, key, value)
}

func (vm *VM) luaRawset(L *lua.LState) int {
	t := vm.checkTable(L, 1, "rawset", "table")
	vm.checkIndex(L, t, L.Get(2))
	L.RawSet(t, L.Get(2), L.Get(3))
	L.Push(t)
	return 1
}

func (vm *VM) luaInsert(L *lua.LState) int {
	t := vm.checkTable(L, 1, "table.insert", "table")
	n := t.Len()
	switch L.GetTop() {
	case 2:
		vm.checkIndex(L, t, lua.LNumber(n+1))
		t.RawSetInt(n+1, L.Get(2))
	case 3:
		pos := vm.checkInt(L, 2, "table.insert", "position")
		if pos < 1 || pos > n+1 {
			vm.Raise(L, Faultf(CodeValidation, "table.insert: position: got %d, want 1 to %d", pos, n+1))
		}
		vm.checkIndex(L, t, lua.LNumber(n+1))
		if pos == n+1 {
			t.RawSetInt(pos, L.Get(3))
		} else {
			t.Insert(pos, L.Get(3))
		}
	default:
		vm.Raise(L, Faultf(CodeValidation, "table.insert: got %d arguments, want 2 or 3", L.GetTop()))
	}
	return 0
}

func (vm *VM) luaRemove(L *lua.LState) int {
	t := vm.checkTable(L, 1, "table.remove", "table")
	n := t.Len()
	pos := vm.optInt(L, 2, "table.remove", "position", n)
	if n == 0 || pos < 1 || pos > n {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(t.Remove(pos))
	return 1
}

// luaMaxn is the greatest positive number among the keys, whole or not.
func (vm *VM) luaMaxn(L *lua.LState) int {
	t := vm.checkTable(L, 1, "table.maxn", "table")
	greatest := 0.0
	w := vm.newWork(L)
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		w.spend(4)
		if n, ok := k.(lua.LNumber); ok {
			greatest = max(greatest, float64(n))
		}
	}
	L.Push(lua.LNumber(greatest))
	return 1
}

func (vm *VM) luaConcatTable(L *lua.LState) int {
	const fn = "table.concat"
	t := vm.checkTable(L, 1, fn, "list")
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = vm.checkText(L, 2, fn, "separator")
	}
	from := vm.optInt(L, 3, fn, "from", 1)
	to := t.Len()
	if L.Get(4) != lua.LNil {
		to = vm.checkInt(L, 4, fn, "to")
	}
	var b strings.Builder
	w := vm.newWork(L)
	for i := from; i <= to; i++ {
		w.spend(4)
		switch v := t.RawGet(lua.LNumber(i)).(type) {
		case lua.LString:
			b.WriteString(string(v))
		case lua.LNumber:
			b.WriteString(formatNumber(float64(v)))
		default:
			vm.Raise(L, Faultf(CodeValidation, "%s: item %d: got %s, want string or number", fn, i, typeName(v)))
		}
		if i < to {
			b.WriteString(sep)
		}
		vm.CheckString(L, b.Len())
	}
	L.Push(lua.LString(b.String()))
	return 1
}

// sorter sorts values with Lua's order and looks now and then whether the task
// has been stopped.
type sorter struct {
	L      *lua.LState
	work   *work
	less   *lua.LFunction // nil for <
	values []lua.LValue
}

func (s *sorter) Len() int      { return len(s.values) }
func (s *sorter) Swap(i, j int) { s.values[i], s.values[j] = s.values[j], s.values[i] }
func (s *sorter) Less(i, j int) bool {
	s.work.spend(4)
	a, b := s.values[i], s.values[j]
	if s.less == nil {
		if x, ok := a.(lua.LNumber); ok {
			if y, ok := b.(lua.LNumber); ok {
				return x < y
			}
		}
		if x, ok := a.(lua.LString); ok {
			if y, ok := b.(lua.LString); ok {
				s.work.spend(min(len(x), len(y)) / 16) // compared many bytes at a time
				return x < y
			}
		}
		return s.L.LessThan(a, b)
	}
	s.L.Push(s.less)
	s.L.Push(a)
	s.L.Push(b)
	s.L.Call(2, 1)
	less := lua.LVAsBool(s.L.Get(-1))
	s.L.Pop(1)
	return less
}

func (vm *VM) luaSort(L *lua.LState) int {
	t := vm.checkTable(L, 1, "table.sort", "list")
	s := &sorter{L: L, work: vm.newWork(L), values: make([]lua.LValue, t.Len())}
	if L.Get(2) != lua.LNil {
		fn, ok := L.Get(2).(*lua.LFunction)
		if !ok {
			vm.badArg(L, "table.sort", "compare", L.Get(2), "function")
		}
		s.less = fn
	}
	for i := range s.values {
		s.work.spend(1)
		s.values[i] = t.RawGetInt(i + 1)
		if s.values[i] == lua.LNil {
			vm.Raise(L, Faultf(CodeValidation, "table.sort: item %d is nil: the list has a hole", i+1))
		}
	}
	sort.Sort(s)
	for i, v := range s.values {
		t.RawSetInt(i+1, v)
	}
	return 0
}
