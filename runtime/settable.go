package runtime

import (
	"sync/atomic"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// jumpTable is gopher-lua's: what it does for each operation of its bytecode.
// The table is reached by name because a check of t[k] = v that costs a call of
// a host function makes such a store twice as slow.
//
//go:linkname jumpTable github.com/yuin/gopher-lua.jumpTable
var jumpTable [lua.OP_NOP + 1]func(L *lua.LState, inst uint32, base unsafe.Pointer) int

// checkedAbove is the largest index that no VM of the process needs checked.
var checkedAbove atomic.Int64

// checkAbove makes stores above n ask their VM.
func checkAbove(n int64) {
	for {
		least := checkedAbove.Load()
		if n >= least || checkedAbove.CompareAndSwap(least, n) {
			return
		}
	}
}

// Before a store to a far index, which gopher-lua reaches by filling the gap,
// the index is checked. Nothing changes for interpreters that are not of this
// package.
func init() {
	checkedAbove.Store(sparseFree)
	plain := jumpTable[lua.OP_SETTABLE]
	if plain == nil {
		panic("runtime: this gopher-lua has no jumpTable: stores would go unchecked") // it links all the same
	}
	jumpTable[lua.OP_SETTABLE] = func(L *lua.LState, inst uint32, base unsafe.Pointer) int {
		key := argument(L, inst&0x1ff)
		if n, ok := key.(lua.LNumber); ok && n > lua.LNumber(checkedAbove.Load()) {
			if g := findGate(L); g != nil {
				g.task.vm.store(L, L.Get(int(inst>>18&0xff)+1), key, argument(L, inst>>9&0x1ff))
				return 0
			}
		}
		return plain(L, inst, base)
	}
}

// argument is an operand of the instruction that L carries out: a register, or
// with the highest bit set a constant.
func argument(L *lua.LState, operand uint32) lua.LValue {
	if operand&0x100 == 0 {
		return L.Get(int(operand) + 1)
	}
	dbg, ok := L.GetStack(0)
	if !ok {
		return lua.LNil
	}
	fn := *(**lua.LFunction)(unsafe.Add(framePointer(dbg), fnOffset))
	return fn.Proto.Constants[operand&0xff]
}
