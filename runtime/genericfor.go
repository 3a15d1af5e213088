package runtime

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// The compiler puts what a generic for iterates over into registers that the
// way there uses itself: "for x in f().g() do" calls the wrong value.
// Locals around the loop have no such trouble.

// iterates is the names of those locals: no script can write them.
var iterates = []string{"(for iterator)", "(for invariant)", "(for initial)"}

// generic is a for loop as the compiler gets it right.
func generic(s *ast.GenericForStmt) ast.Stmt {
	if !slices.ContainsFunc(s.Exprs, roundabout) {
		return s
	}
	values := &ast.LocalAssignStmt{Names: iterates, Exprs: s.Exprs}
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{values, s}}
	s.Exprs = nil
	for _, name := range iterates {
		id := &ast.IdentExpr{Value: name}
		id.SetLine(s.Line())
		s.Exprs = append(s.Exprs, id)
	}
	for _, made := range []ast.Stmt{values, block} {
		made.SetLine(s.Line())
		made.SetLastLine(s.LastLine())
	}
	return block
}

// roundabout reports whether e is other than a name, or a call of one or of one
// of its fields.
func roundabout(e ast.Expr) bool {
	call, ok := e.(*ast.FuncCallExpr)
	if ok {
		if e = call.Func; e == nil {
			e = call.Receiver
		} else if field, ok := e.(*ast.AttrGetExpr); ok {
			e = field.Object
		}
	}
	_, name := e.(*ast.IdentExpr)
	return !name
}
