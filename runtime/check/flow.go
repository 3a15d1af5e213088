package check

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// unreachable reports the statement behind a block's statement i when nothing
// comes to it, and whether that is so.
func (c *checker) unreachable(stmts []ast.Stmt, i int) bool {
	if i+1 == len(stmts) {
		return false
	}
	why := c.ends(stmts[i])
	if why == "" {
		return false
	}
	for _, later := range stmts[i+1:] {
		if _, label := later.(*ast.LabelStmt); label {
			return false // something may jump there
		}
	}
	c.report(stmts[i+1].Line(), Flow, "", "this is never reached: %s on line %d", why, stmts[i].Line())
	return true
}

// ends says why nothing that follows s in its block is reached, "" where it is.
func (c *checker) ends(s ast.Stmt) string {
	switch s := s.(type) {
	case *ast.ReturnStmt:
		return "return"
	case *ast.BreakStmt:
		return "break"
	case *ast.GotoStmt:
		return "goto"
	case *ast.FuncCallStmt:
		return c.raises(s.Expr)
	case *ast.DoBlockStmt:
		return c.endsBlock(s.Stmts)
	case *ast.IfStmt:
		if len(s.Else) > 0 && c.endsBlock(s.Then) != "" && c.endsBlock(s.Else) != "" {
			return "both ways end"
		}
	case *ast.WhileStmt:
		if _, always := s.Condition.(*ast.TrueExpr); always && !leaves(s.Stmts, false) {
			return "a loop without an end"
		}
	case *ast.RepeatStmt:
		if _, never := s.Condition.(*ast.FalseExpr); never && !leaves(s.Stmts, false) {
			return "a loop without an end"
		}
	}
	return ""
}

func (c *checker) endsBlock(stmts []ast.Stmt) string {
	if len(stmts) == 0 {
		return ""
	}
	return c.ends(stmts[len(stmts)-1])
}

// raises is the name of a function that never returns, when e calls one.
func (c *checker) raises(e ast.Expr) string {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return ""
	}
	switch f := call.Func.(type) {
	case *ast.IdentExpr:
		if g := c.globals[f.Value]; f.Value == "error" && c.find("error") == nil && g != nil && g.standard && g.writes == 0 {
			return "error"
		}
	case *ast.AttrGetExpr:
		object, isName := f.Object.(*ast.IdentExpr)
		key, isText := f.Key.(*ast.StringExpr)
		if isName && isText && object.Value == "os" && key.Value == "exit" && c.find("os") == nil {
			return "os.exit"
		}
	}
	return ""
}

// leaves reports whether a loop's body has a way out of the loop but return: a
// break of its own, or any goto. within says that stmts belong to a loop inside.
func leaves(stmts []ast.Stmt, within bool) bool {
	for _, s := range stmts {
		out := false
		switch s := s.(type) {
		case *ast.BreakStmt:
			out = !within
		case *ast.GotoStmt:
			out = true
		case *ast.DoBlockStmt:
			out = leaves(s.Stmts, within)
		case *ast.IfStmt:
			out = leaves(s.Then, within) || leaves(s.Else, within)
		case *ast.WhileStmt:
			out = leaves(s.Stmts, true)
		case *ast.RepeatStmt:
			out = leaves(s.Stmts, true)
		case *ast.NumberForStmt:
			out = leaves(s.Stmts, true)
		case *ast.GenericForStmt:
			out = leaves(s.Stmts, true)
		}
		if out {
			return true
		}
	}
	return false
}

// shadows notes that a local hides another of the same function. `local x = x`
// is meant.
func (c *checker) shadows(v *variable, value ast.Expr) {
	if strings.HasPrefix(v.name, "_") {
		return
	}
	if id, ok := value.(*ast.IdentExpr); ok && id.Value == v.name {
		return
	}
	for _, scope := range slices.Backward(c.scopes[:len(c.scopes)-1]) {
		for _, other := range slices.Backward(scope) {
			if other.name == v.name && other.depth == c.depth {
				v.hides = other
				return
			}
		}
	}
}

// A hiding is a local that hid another one until its block ended.
type hiding struct {
	line  int
	reads int // of the hidden one, by then
}

// uncovered reports the locals that hid v, where v is read again afterwards:
// whoever reads it there may have meant the other.
func (c *checker) uncovered(v *variable) {
	for _, h := range v.hiddenBy {
		if v.reads > h.reads {
			c.report(h.line, Shadow, "give it another name, or assign the outer one without local",
				"local %s hides the one of line %d, which is read again later", v.name, v.line)
		}
	}
}

// idle are a function's parameters that nobody reads.
func idle(params []*variable) []*variable {
	var out []*variable
	for _, v := range params {
		if v.reads == 0 && !strings.HasPrefix(v.name, "_") {
			out = append(out, v)
		}
	}
	return out
}
