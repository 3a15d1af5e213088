package runtime

import (
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// gopher-lua's messages about a value of the wrong type do not say where the
// value came from. Lua 5.1's do: "attempt to call field 'x' (a nil value)". The
// compiled function tells it, while the frame of the error is still there.

var (
	badIndex = regexp.MustCompile(`attempt to index a non-table object\((\S+)\) (with key '[^']*')$`)
	badArith = regexp.MustCompile(`cannot perform \S+ operation between (\S+) and (\S+)$`)
)

const (
	badCall   = "attempt to call a non-function object"
	badUnm    = "__unm undefined"
	badLen    = "__len undefined"
	badConcat = "attempt to concatenate a "
	badFor    = "for statement "
)

// blamed is the message of an error that L has just raised, with the name of the
// value that is to blame, as Lua 5.1 puts it.
func blamed(L *lua.LState, text string) string {
	if !blames(text) {
		return text
	}
	if at, ok := culpritOf(L); ok {
		return at.blamed(text)
	}
	return unnamed(text)
}

// blames reports whether text is one of the messages that get a name.
func blames(text string) bool {
	return strings.HasSuffix(text, badCall) || strings.HasSuffix(text, "'") && strings.Contains(text, "non-table") ||
		strings.Contains(text, "cannot perform ") || strings.HasSuffix(text, " undefined") ||
		strings.Contains(text, badConcat) || strings.Contains(text, badFor)
}

// unnamed is the message where the frame is gone: in a coroutine.
func unnamed(text string) string {
	if !blames(text) {
		return text
	}
	if i := badIndex.FindStringSubmatchIndex(text); i != nil {
		return text[:i[0]] + "attempt to index a " + text[i[2]:i[3]] + " value " + text[i[4]:]
	}
	if i := badArith.FindStringSubmatchIndex(text); i != nil {
		kind := text[i[2]:i[3]]
		if kind == "number" {
			kind = text[i[4]:i[5]]
		}
		return text[:i[0]] + "attempt to perform arithmetic on a " + kind + " value"
	}
	if before, after, ok := strings.Cut(text, badFor); ok {
		return before + "'for' " + strings.Replace(after, "init ", "initial value ", 1)
	}
	for bad, better := range map[string]string{
		badCall: "attempt to call a value that is no function",
		badUnm:  "attempt to perform arithmetic on a value that is no number",
		badLen:  "attempt to get length of a value that has none",
	} {
		if before, ok := strings.CutSuffix(text, bad); ok {
			return before + better
		}
	}
	return text
}

// blamed is the message with what the instruction tells.
func (at *culprit) blamed(text string) string {
	inst := at.proto.Code[at.pc]
	switch op := opcode(inst); op {
	case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_TFORLOOP:
		if at.helper != nil {
			return at.blamedHelper(text, argA(inst))
		}
		if before, ok := strings.CutSuffix(text, badCall); ok {
			if v := at.value(argA(inst)); v != nil {
				return before + "attempt to call " + typed(at.name(argA(inst)), v)
			}
		}
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
		return at.blamedIndex(text, argB(inst))
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
		return at.blamedIndex(text, argA(inst))
	case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD, lua.OP_POW, lua.OP_UNM, lua.OP_LEN:
		bad := argB(inst)
		if _, ok := asNumber(at.value(bad)); ok && op != lua.OP_LEN {
			bad = argC(inst)
		}
		v := at.value(bad)
		if v == nil {
			break
		}
		if i := badArith.FindStringIndex(text); i != nil {
			return text[:i[0]] + "attempt to perform arithmetic on " + typed(at.name(bad), v)
		}
		if before, ok := strings.CutSuffix(text, badUnm); ok {
			return before + "attempt to perform arithmetic on " + typed(at.name(bad), v)
		}
		if before, ok := strings.CutSuffix(text, badLen); ok {
			return before + "attempt to get length of " + typed(at.name(bad), v)
		}
	}
	return unnamed(text)
}

// culprit is an instruction that is being carried out.
type culprit struct {
	L      *lua.LState
	frame  *lua.Debug
	proto  *lua.FunctionProto
	pc     int
	helper *lua.LFunction // of the compile step, where the instruction calls one
}

// culpritOf is the instruction that raised an error in L: of the innermost function,
// or of the one around it when that is a helper of the compile step.
func culpritOf(L *lua.LState) (*culprit, bool) {
	p := &culprit{L: L}
	for level := range 2 {
		dbg, ok := L.GetStack(level)
		if !ok {
			return nil, false
		}
		v, err := L.GetInfo("f", dbg, lua.LNil)
		fn, ok := v.(*lua.LFunction)
		if err != nil || !ok {
			return nil, false
		}
		if !fn.IsG {
			p.frame, p.proto = dbg, fn.Proto
			p.pc = pcOf(dbg)
			return p, p.pc >= 0 && p.pc < len(fn.Proto.Code)
		}
		if !isHelper(fn) {
			return nil, false
		}
		p.helper = fn
	}
	return nil, false
}

func isHelper(fn *lua.LFunction) bool {
	for _, h := range helpers {
		if fn == h {
			return true
		}
	}
	for _, h := range arithmetic {
		if fn == h {
			return true
		}
	}
	return false
}

// blamedHelper is a message of concat, whose arguments are in the registers from
// a+1.
func (at *culprit) blamedHelper(text string, a int) string {
	before, kind, ok := strings.Cut(text, badConcat)
	if !ok {
		return text
	}
	for i := 1; i <= at.L.GetTop(); i++ { // the helper's frame is the innermost
		if v := at.L.Get(i); typeName(v)+" value" == kind {
			return before + "attempt to concatenate " + typed(at.name(a+i), v)
		}
	}
	return text
}

// blamedIndex is a message about the table in a register.
func (at *culprit) blamedIndex(text string, register int) string {
	i := badIndex.FindStringSubmatchIndex(text)
	name := at.name(register)
	if i == nil || name == "" {
		return unnamed(text)
	}
	return text[:i[0]] + "attempt to index " + name + " (a " + text[i[2]:i[3]] + " value) " + text[i[4]:]
}

// typed is a value as messages name it: local 'x' (a nil value).
func typed(name string, v lua.LValue) string {
	kind := "a " + typeName(v) + " value"
	if name == "" {
		return kind
	}
	return name + " (" + kind + ")"
}

// value is what an operand holds, a constant or a register, or nil when that is
// unknown.
func (at *culprit) value(operand int) lua.LValue {
	if operand&constantBit != 0 {
		return at.proto.Constants[operand&^constantBit]
	}
	name, v := at.L.GetLocal(at.frame, operand+1)
	if name == "" {
		return nil
	}
	return v
}

// The operands of an instruction. constantBit marks a constant.
const constantBit = 1 << 8

func argA(inst uint32) int   { return int(inst >> 18 & 0xff) }
func argB(inst uint32) int   { return int(inst & 0x1ff) }
func argC(inst uint32) int   { return int(inst >> 9 & 0x1ff) }
func argBx(inst uint32) int  { return int(inst & 0x3ffff) }
func argSBx(inst uint32) int { return argBx(inst) - 0x1ffff }

// name is how the source calls an operand ("global 'x'"), or "".
func (at *culprit) name(operand int) string { return at.nameBefore(operand, at.pc) }

func (at *culprit) nameBefore(register, pc int) string {
	if register&constantBit != 0 {
		return ""
	}
	if name := at.local(register, pc); name != "" && !strings.HasPrefix(name, "(") { // those are a compiler's
		return "local '" + name + "'"
	}
	set := at.setter(register, pc)
	if set < 0 {
		return ""
	}
	inst := at.proto.Code[set]
	constant := func(i int) string {
		if s, ok := at.proto.Constants[i].(lua.LString); ok {
			return string(s)
		}
		return "?"
	}
	switch opcode(inst) {
	case lua.OP_MOVE, lua.OP_MOVEN:
		if from := argB(inst); from < register {
			return at.nameBefore(from, set)
		}
	case lua.OP_GETGLOBAL:
		return "global '" + constant(argBx(inst)) + "'"
	case lua.OP_GETUPVAL:
		if b := argB(inst); b < len(at.proto.DbgUpvalues) && !strings.HasPrefix(at.proto.DbgUpvalues[b], "(") {
			return "upvalue '" + at.proto.DbgUpvalues[b] + "'"
		}
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS:
		if c := argC(inst); c&constantBit != 0 {
			return "field '" + constant(c&^constantBit) + "'"
		}
	case lua.OP_SELF:
		if c := argC(inst); argA(inst) == register && c&constantBit != 0 {
			return "method '" + constant(c&^constantBit) + "'"
		}
	}
	return ""
}

// local is the local variable in a register, or "".
func (at *culprit) local(register, pc int) string {
	if n := len(at.proto.DbgLocals); n > 0 && at.proto.DbgLocals[n-1].EndPc == 0 {
		// Two blocks of the function use the same registers: gopher-lua then gives
		// their locals the ends of others.
		return ""
	}
	for _, l := range at.proto.DbgLocals {
		if l.StartPc > pc {
			break
		}
		if pc < l.EndPc {
			if register--; register < 0 {
				return l.Name
			}
		}
	}
	return ""
}

// setter is the instruction before pc that gave the register its value, or -1
// when that depends on the way taken: a jump passes over it.
func (at *culprit) setter(register, pc int) int {
	set := -1
	for i := pc - 1; i >= 0 && set < 0; i-- {
		if sets(at.proto.Code[i], register) {
			set = i
		}
	}
	for i := range max(set, 0) {
		inst := at.proto.Code[i]
		switch opcode(inst) {
		case lua.OP_JMP, lua.OP_FORLOOP, lua.OP_FORPREP:
			if to := i + 1 + argSBx(inst); to > set && to <= pc {
				return -1
			}
		case lua.OP_LOADBOOL:
			if to := i + 2; argC(inst) != 0 && to > set && to <= pc {
				return -1
			}
		}
	}
	return set
}

// sets reports whether an instruction changes a register.
func sets(inst uint32, register int) bool {
	a := argA(inst)
	switch opcode(inst) {
	case lua.OP_SETGLOBAL, lua.OP_SETUPVAL, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_JMP, lua.OP_EQ, lua.OP_LT, lua.OP_LE,
		lua.OP_TEST, lua.OP_RETURN, lua.OP_SETLIST, lua.OP_CLOSE, lua.OP_NOP:
		return false
	case lua.OP_LOADNIL:
		return a <= register && register <= argB(inst)
	case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_VARARG, lua.OP_TFORLOOP:
		return register >= a
	case lua.OP_SELF:
		return register == a || register == a+1
	case lua.OP_FORLOOP, lua.OP_FORPREP:
		return register >= a && register <= a+3
	}
	return register == a
}
