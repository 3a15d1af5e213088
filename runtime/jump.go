package runtime

import "github.com/yuin/gopher-lua/ast"

// gopher-lua shortens jumps to jumps while it goes through a function, and takes
// a jump that it has been at already for one that it has not: a jump back to a
// jump then leads anywhere, out of the function too. So no loop may begin with a
// jump, nor what follows a label.

// target is list, whose beginning is jumped back to, with an instruction before a
// jump there.
func (r *rewriter) target(list []ast.Stmt) []ast.Stmt {
	if len(list) == 0 || !jumpsFirst(list) {
		return list
	}
	local := &ast.LocalAssignStmt{Exprs: []ast.Expr{&ast.FalseExpr{}}}
	at(local, list[0])
	at(local.Exprs[0], list[0])
	r.hidden(local, list[0])
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{local}}
	at(block, list[0])
	return append([]ast.Stmt{block}, list...)
}

// labels is target for what follows each label of list. Labels at its end stay
// there: a goto may jump to them over the locals before.
func (r *rewriter) labels(list []ast.Stmt) []ast.Stmt {
	last := true // nothing but labels follows: what they begin is after the block
	for i := len(list) - 1; i >= 0; i-- {
		_, label := list[i].(*ast.LabelStmt)
		last = last && label
		if label && !last {
			list = append(list[:i+1:i+1], r.target(list[i+1:])...)
		}
	}
	return list
}

// jumpsFirst reports whether the code of list may begin with a jump.
func jumpsFirst(list []ast.Stmt) bool {
	if len(list) == 0 {
		return true // whatever follows it
	}
	switch s := list[0].(type) {
	case *ast.BreakStmt, *ast.GotoStmt:
		return true
	case *ast.LabelStmt:
		return jumpsFirst(list[1:])
	case *ast.IfStmt:
		return beginsConstant(s.Condition)
	case *ast.WhileStmt:
		return beginsConstant(s.Condition)
	case *ast.RepeatStmt:
		return jumpsFirst(s.Stmts)
	case *ast.DoBlockStmt:
		return jumpsFirst(s.Stmts)
	case *ast.LocalAssignStmt:
		return len(s.Exprs) == 0 || operatesFirst(s.Exprs[0]) // a nil may be joined to one before the loop
	case *ast.AssignStmt:
		return operatesFirst(s.Lhs[0]) || operatesFirst(s.Rhs[0])
	case *ast.ReturnStmt:
		return len(s.Exprs) > 0 && operatesFirst(s.Exprs[0])
	case *ast.NumberForStmt:
		return operatesFirst(s.Init)
	case *ast.GenericForStmt:
		return operatesFirst(s.Exprs[0])
	}
	return false
}

// operatesFirst reports whether e is an operation of and, or, not that begins
// with a constant.
func operatesFirst(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.LogicalOpExpr, *ast.UnaryNotOpExpr:
		return beginsConstant(e)
	case *ast.AttrGetExpr:
		return operatesFirst(e.Object)
	}
	return false
}

// beginsConstant reports whether the first operand of and, or, not in e is a
// constant, for which gopher-lua jumps or does nothing.
func beginsConstant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.NilExpr, *ast.FalseExpr, *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
		return true
	case *ast.LogicalOpExpr:
		return beginsConstant(e.Lhs)
	case *ast.UnaryNotOpExpr:
		return beginsConstant(e.Expr)
	}
	return false
}

// leap is a goto that closes what it leaves. gopher-lua's closes every captured
// local of the function where the blocks that it leaves have none: closures went
// on with copies. A block of its own with a captured local makes gopher-lua
// count those that stay.
func (r *rewriter) leap(s *ast.GotoStmt) ast.Stmt {
	local := &ast.LocalAssignStmt{Exprs: []ast.Expr{&ast.FalseExpr{}}}
	capture := &ast.ReturnStmt{Exprs: []ast.Expr{r.hidden(local, s)}}
	function := &ast.FunctionExpr{ParList: &ast.ParList{}, Stmts: []ast.Stmt{capture}}
	never := &ast.IfStmt{Condition: &ast.FalseExpr{}, Then: []ast.Stmt{&ast.LocalAssignStmt{Names: []string{"_"}, Exprs: []ast.Expr{function}}}}
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{local, never, s}}
	for _, n := range []ast.PositionHolder{local, local.Exprs[0], capture, function, never, never.Condition, never.Then[0], block} {
		at(n, s)
	}
	return block
}
