package runtime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// Bounds of the tree that gopher-lua's compiler gets. Beyond them it recurses
// without end, takes quadratic time, or drops items without a word.
const (
	maxTreeDepth   = 1_000
	maxTableItems  = 25_550 // 511 flushes of 50: more are lost
	fieldsPerFlush = 50
	maxConstants   = 10_000 // distinct ones of one function, searched one by one
	maxSearches    = 1e8    // steps of those searches, and of those for names, half a second
	maxUpvalues    = 255    // of one function: beyond 511 gopher-lua takes one for another
	maxJumps       = 10_000 // labels and gotos, which search each other
	maxFunctions   = 10_000 // 14 KB each to compile
	maxOperands    = 10_000 // of one chain of ..
	concatGroup    = 50     // operands of one call of concat; a function has 200 registers
)

// The compile step calls a host function in place of "..", because one
// instruction joins a whole chain without any limit. The calls name this string;
// finishBytecode puts the function into the constants of the bytecode, where no
// script can reach or replace it.
const (
	concatName = "\x00hudrl.concat"
	appendName = "\x00hudrl.append"
)

// helpers need no Guard: what they call of scripts has its own.
var helpers = map[lua.LValue]*lua.LFunction{
	lua.LString(concatName): {IsG: true, GFunction: concatValues},
	lua.LString(appendName): {IsG: true, GFunction: appendValues},
}

// finishBytecode puts the helpers in, and makes an ordinary call of
// "return coroutine.yield(...)": gopher-lua loses the values that come back
// from a yield in a tail call.
// It returns a function that has too many upvalues, or nil.
func finishBytecode(proto *lua.FunctionProto) (bad *lua.FunctionProto) {
	if len(proto.DbgUpvalues) > maxUpvalues {
		return proto
	}
	for i, c := range proto.Constants {
		if fn, ok := helpers[c]; ok {
			proto.Constants[i] = fn
		}
	}
	for _, call := range proto.DbgCalls {
		if strings.HasSuffix(call.Name, "yield") && opcode(proto.Code[call.Pc]) == lua.OP_TAILCALL {
			proto.Code[call.Pc] = proto.Code[call.Pc]&^(0x3f<<26) | uint32(lua.OP_CALL)<<26
		}
	}
	for _, p := range proto.FunctionPrototypes {
		if bad := finishBytecode(p); bad != nil {
			return bad
		}
	}
	return nil
}

// opcode and results read an instruction: its operation, and for a call how
// many results are wanted (-1: all).
func opcode(inst uint32) int  { return int(inst >> 26) }
func results(inst uint32) int { return int(inst>>9&0x1ff) - 1 }

// concatValues joins its arguments as a chain of .. does, from the right.
func concatValues(L *lua.LState) int {
	n := L.GetTop()
	size := 0
	plain := true
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			plain = false
		}
	}
	vm := VMOf(L)
	if plain {
		if size > vm.cfg.Limits.StringBytes {
			vm.CheckString(L, size)
		}
		var scratch [128]byte
		b := scratch[:0]
		if size > len(scratch) {
			b = make([]byte, 0, size)
		}
		for i := 1; i <= n; i++ {
			switch v := L.Get(i).(type) {
			case lua.LString:
				b = append(b, v...)
			case lua.LNumber:
				b = appendNumber(b, float64(v))
			}
		}
		L.Push(lua.LString(b))
		return 1
	}
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		right = vm.concatPair(L, L.Get(i), right)
	}
	L.Push(right)
	return 1
}

func (vm *VM) concatPair(L *lua.LState, a, b lua.LValue) lua.LValue {
	left, leftOK := concatText(a)
	right, rightOK := concatText(b)
	if leftOK && rightOK {
		vm.CheckString(L, len(left)+len(right))
		return lua.LString(left + right)
	}
	fn := L.GetMetaField(a, "__concat")
	if fn == lua.LNil {
		fn = L.GetMetaField(b, "__concat")
	}
	if fn == lua.LNil {
		bad := a
		if leftOK {
			bad = b
		}
		L.RaiseError("attempt to concatenate a %s value", typeName(bad))
	}
	L.Push(fn)
	L.Push(a)
	L.Push(b)
	L.Call(2, 1)
	v := L.Get(-1)
	L.Pop(1)
	return v
}

func concatText(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return formatNumber(float64(v)), true
	}
	return "", false
}

// rewriter walks a chunk once, checks it and puts the helpers in.
type rewriter struct {
	name, src string
	depth     int
	constants []map[string]int // places by text, of the functions being walked, innermost last
	searches  int              // steps that finding the constants and names will take
	visible   int              // names and blocks in which a name is looked for
	jumps     int
	functions int
	fresh     int // hidden locals made so far
}

// rewriteTree checks stmts against the bounds above and rewrites them.
func rewriteTree(name, src string, stmts []ast.Stmt) (out []ast.Stmt, failed *Error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			failed = e
		}
	}()
	r := &rewriter{name: name, src: src, constants: []map[string]int{{}}}
	return r.stmts(stmts), nil
}

func (r *rewriter) fail(at ast.PositionHolder, hint, format string, args ...any) {
	panic(syntaxError(r.name, r.src, max(at.Line(), 1), fmt.Sprintf(format, args...), hint))
}

// ident counts what looking for a name will take: it is compared with every local
// of every function around it.
func (r *rewriter) ident(at ast.PositionHolder, name string) {
	if r.searches += r.visible; r.searches > maxSearches {
		r.fail(at, "split the file", "too many names within functions within functions")
	}
	r.constant(at, name)
}

func (r *rewriter) constant(at ast.PositionHolder, c string) {
	if helpers[lua.LString(c)] != nil {
		r.fail(at, "", "the string %q is reserved", c)
	}
	set := r.constants[len(r.constants)-1]
	place, known := set[c]
	if !known {
		place = len(set)
		set[c] = place
	}
	if len(set) > maxConstants {
		r.fail(at, "keep data in JSON", "more than %d different constants in one function", maxConstants)
	}
	if r.searches += place; r.searches > maxSearches {
		r.fail(at, "keep data in JSON, or split the file", "too many constants and uses of them")
	}
}

func (r *rewriter) down(at ast.PositionHolder) {
	r.depth++
	if r.depth > maxTreeDepth {
		r.fail(at, "split the expression, or keep data in JSON", "the expression nests deeper than %d", maxTreeDepth)
	}
}

func (r *rewriter) stmts(list []ast.Stmt) []ast.Stmt {
	outside := r.visible
	r.visible++
	for i, s := range list {
		list[i] = r.stmt(s)
	}
	r.visible = outside
	return r.labels(list)
}

// within is stmts with more names around them.
func (r *rewriter) within(names int, list []ast.Stmt) []ast.Stmt {
	r.visible += names
	list = r.stmts(list)
	r.visible -= names
	return list
}

func (r *rewriter) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = r.expr(e)
	}
}

func (r *rewriter) stmt(s ast.Stmt) ast.Stmt {
	r.down(s)
	defer func() { r.depth-- }()
	switch s := s.(type) {
	case *ast.AssignStmt:
		for _, l := range s.Lhs {
			switch l := l.(type) {
			case *ast.AttrGetExpr:
				l.Object = r.expr(l.Object)
				l.Key = r.expr(l.Key)
			case *ast.IdentExpr:
				r.ident(l, l.Value)
			}
		}
		r.exprs(s.Rhs)
		return r.assign(s)
	case *ast.LocalAssignStmt:
		r.exprs(s.Exprs)
		r.visible += len(s.Names) // until the block ends
	case *ast.FuncCallStmt:
		s.Expr = r.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = r.stmts(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = r.expr(s.Condition)
		s.Stmts = r.target(r.stmts(s.Stmts))
	case *ast.RepeatStmt:
		s.Condition = r.expr(s.Condition)
		s.Stmts = r.target(r.stmts(s.Stmts))
	case *ast.IfStmt:
		s.Condition = r.expr(s.Condition)
		s.Then = r.stmts(s.Then)
		s.Else = r.stmts(s.Else)
	case *ast.NumberForStmt:
		s.Init = r.expr(s.Init)
		s.Limit = r.expr(s.Limit)
		if s.Step != nil {
			s.Step = r.expr(s.Step)
		}
		s.Stmts = r.within(1, s.Stmts)
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		s.Stmts = r.target(r.within(len(s.Names), s.Stmts))
		return generic(s)
	case *ast.FuncDefStmt:
		if s.Name.Func != nil {
			s.Name.Func = r.expr(s.Name.Func)
		}
		if s.Name.Receiver != nil {
			s.Name.Receiver = r.expr(s.Name.Receiver)
		}
		r.function(s.Func)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	case *ast.LabelStmt:
		r.jump(s)
	case *ast.GotoStmt:
		r.jump(s)
		return r.leap(s)
	}
	return s
}

func (r *rewriter) jump(s ast.Stmt) {
	if r.jumps++; r.jumps > maxJumps {
		r.fail(s, "split the file", "more than %d labels and gotos", maxJumps)
	}
}

func (r *rewriter) function(f *ast.FunctionExpr) {
	if r.functions++; r.functions > maxFunctions {
		r.fail(f, "split the file", "more than %d functions", maxFunctions)
	}
	r.constants = append(r.constants, map[string]int{})
	names := 0
	if f.ParList != nil {
		names = len(f.ParList.Names)
	}
	f.Stmts = r.within(names, f.Stmts)
	r.constants = r.constants[:len(r.constants)-1]
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	r.down(e)
	defer func() { r.depth-- }()
	switch e := e.(type) {
	case *ast.NumberExpr:
		r.numeral(e)
		r.constant(e, e.Value)
	case *ast.StringExpr:
		r.constant(e, e.Value)
	case *ast.IdentExpr:
		r.ident(e, e.Value)
	case *ast.AttrGetExpr:
		e.Object = r.expr(e.Object)
		e.Key = r.expr(e.Key)
	case *ast.TableExpr:
		return r.table(e)
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = r.expr(e.Func)
		}
		if e.Receiver != nil {
			e.Receiver = r.expr(e.Receiver)
		}
		r.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.FunctionExpr:
		r.function(e)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	}
	return e
}

// numeral checks a number. gopher-lua reads "1e" and "1e400" as nan.
func (r *rewriter) numeral(e *ast.NumberExpr) {
	if _, err := strconv.ParseUint(e.Value, 10, 53); err == nil {
		return
	}
	f, ok := parseNumber(e.Value)
	if !ok {
		r.fail(e, "", "malformed number near %q", strings.TrimSpace(e.Value))
	}
	e.Value = strconv.FormatFloat(f, 'g', -1, 64)
}

func (r *rewriter) table(e *ast.TableExpr) ast.Expr {
	items := 0
	for _, f := range e.Fields {
		if f.Key == nil {
			if items++; items > maxTableItems {
				r.fail(e, "append in a loop, or keep data in JSON", "a table literal has more than %d items", maxTableItems)
			}
		} else {
			f.Key = r.expr(f.Key)
		}
		f.Value = r.expr(f.Value)
		if f.Key != nil { // gopher-lua appends a call at the end, key or no key
			f.Value = single(f.Value)
		}
	}
	n := len(e.Fields) - 1
	if n < 0 || e.Fields[n].Key != nil || items == 1 || (items-1)%fieldsPerFlush != 0 || !several(e.Fields[n].Value) {
		return e
	}
	// After a full flush, gopher-lua writes the values of a call over the last one.
	rest := e.Fields[n].Value
	e.Fields = e.Fields[:n]
	c := call(e, appendName, e, &ast.NumberExpr{Value: strconv.Itoa(items - 1)}, rest)
	c.Args[2] = rest
	return c
}

// several reports whether an expression at the end of a list gives all its values.
func several(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

// appendValues sets the values after the first n of a list.
func appendValues(L *lua.LState) int {
	t, n := L.Get(1).(*lua.LTable), int(L.Get(2).(lua.LNumber))
	for i := 3; i <= L.GetTop(); i++ {
		t.RawSetInt(n+i-2, L.Get(i))
	}
	L.Push(t)
	return 1
}

// concat flattens a chain of .. into calls of the helper, from the right in
// groups.
func (r *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var operands []ast.Expr
	var last ast.Expr = e
	for {
		c, ok := last.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		operands = append(operands, r.expr(c.Lhs))
		last = c.Rhs
		if len(operands) > maxOperands {
			r.fail(e, "use table.concat", "more than %d operands of .. in one expression", maxOperands)
		}
	}
	operands = append(operands, r.expr(last))
	for len(operands) > concatGroup {
		cut := len(operands) - concatGroup
		operands = append(operands[:cut:cut], call(e, concatName, operands[cut:]...))
		r.depth++ // a group nests in the one to its left
		if r.depth > maxTreeDepth {
			r.fail(e, "use table.concat", "the expression nests deeper than %d", maxTreeDepth)
		}
		defer func() { r.depth-- }()
	}
	return call(e, concatName, operands...)
}

// call makes helper(args...), which gives exactly one value.
func call(at ast.PositionHolder, helper string, args ...ast.Expr) *ast.FuncCallExpr {
	fn := &ast.StringExpr{Value: helper}
	fn.SetLine(at.Line())
	fn.SetLastLine(at.LastLine())
	// The last argument gives one value, as an operand does.
	if n := len(args); n > 0 {
		switch last := args[n-1].(type) {
		case *ast.FuncCallExpr:
			c := *last
			c.AdjustRet = true
			args[n-1] = &c
		case *ast.Comma3Expr:
			c := *last
			c.AdjustRet = true
			args[n-1] = &c
		}
	}
	c := &ast.FuncCallExpr{Func: fn, Args: args, AdjustRet: true}
	c.SetLine(at.Line())
	c.SetLastLine(at.LastLine())
	return c
}

// assign computes the values of several targets before any of them changes,
// where gopher-lua would not:
//
//	do local o1, k1, o2, k2 = …; local v1, v2 = …; o2[k2] = v2; o1[k1] = v1 end
func (r *rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	if !entangled(s) {
		return s
	}
	block := &ast.DoBlockStmt{}
	at(block, s)
	targets := &ast.LocalAssignStmt{}
	at(targets, s)
	values := &ast.LocalAssignStmt{Exprs: s.Rhs}
	at(values, s)
	var stores []ast.Stmt
	for _, l := range s.Lhs {
		value := r.hidden(values, s)
		if a, ok := l.(*ast.AttrGetExpr); ok {
			targets.Exprs = append(targets.Exprs, single(a.Object), single(a.Key))
			l = &ast.AttrGetExpr{Object: r.hidden(targets, s), Key: r.hidden(targets, s)}
			at(l, s)
		}
		set := &ast.AssignStmt{Lhs: []ast.Expr{l}, Rhs: []ast.Expr{value}}
		at(set, s)
		stores = append(stores, set)
	}
	if len(targets.Names) > 0 {
		block.Stmts = append(block.Stmts, targets)
	}
	block.Stmts = append(block.Stmts, values)
	slices.Reverse(stores) // the order of Lua 5.1, and of gopher-lua elsewhere
	block.Stmts = append(block.Stmts, stores...)
	return block
}

// entangled reports whether s has several targets or values, and gopher-lua may
// change one target before it reads the other values and tables: it computes the
// value of a local in place, so that "a, b = b, a" loses one of them, and
// "a = 1, f(a)" calls f(1).
func entangled(s *ast.AssignStmt) bool {
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 && !inPlace(s.Rhs[0]) {
		return false
	}
	names := 0
	for _, l := range s.Lhs {
		if _, ok := l.(*ast.IdentExpr); ok {
			names++
		}
	}
	if names == len(s.Lhs) && len(s.Rhs) == 1 && !inPlace(s.Rhs[0]) {
		return false // the values of a call, or one and nils
	}
	return names > 0
}

// inPlace reports whether e, computed in the place of a local, may go wrong:
// (...) clears the locals that were declared after that one, and "b = t.x and 5"
// leaves b as it was where t.x is nil or false.
func inPlace(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Comma3Expr:
		return e.AdjustRet
	case *ast.LogicalOpExpr:
		return true
	}
	return false
}

// single makes sure that an expression in a list gives one value.
func single(e ast.Expr) ast.Expr {
	switch v := e.(type) {
	case *ast.FuncCallExpr:
		c := *v
		c.AdjustRet = true
		return &c
	case *ast.Comma3Expr:
		c := *v
		c.AdjustRet = true
		return &c
	}
	return e
}

// hidden declares a local that no script can name, and returns a use of it.
func (r *rewriter) hidden(in *ast.LocalAssignStmt, pos ast.PositionHolder) ast.Expr {
	r.fresh++
	name := "(" + strconv.Itoa(r.fresh) + ")"
	in.Names = append(in.Names, name)
	use := &ast.IdentExpr{Value: name}
	at(use, pos)
	return use
}

func at(n, pos ast.PositionHolder) {
	n.SetLine(pos.Line())
	n.SetLastLine(pos.LastLine())
}
