package check

import "github.com/yuin/gopher-lua/ast"

func (c *checker) script(stmts []ast.Stmt) {
	c.push()
	c.stmts(stmts)
	c.pop()
}

func (c *checker) block(stmts []ast.Stmt) {
	c.push()
	c.stmts(stmts)
	c.pop()
}

func (c *checker) loop(body func()) {
	c.began++
	c.within = append(c.within, c.began)
	c.push()
	body()
	c.pop()
	c.within = c.within[:len(c.within)-1]
}

func (c *checker) stmts(stmts []ast.Stmt) {
	told := false
	for i, s := range stmts {
		c.stmt(s)
		told = told || c.unreachable(stmts, i)
	}
}

func (c *checker) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		c.local(s)
	case *ast.AssignStmt:
		c.assignment(s)
	case *ast.FuncCallStmt:
		t := c.expr(s.Expr, nil)
		c.discarded(s.Expr, t)
	case *ast.DoBlockStmt:
		c.block(s.Stmts)
	case *ast.WhileStmt:
		c.condition(s.Condition)
		c.loop(func() { c.stmts(s.Stmts) })
	case *ast.RepeatStmt:
		c.loop(func() {
			c.stmts(s.Stmts)
			c.condition(s.Condition) // it sees the locals of the block
		})
	case *ast.IfStmt:
		c.condition(s.Condition)
		c.ifs++
		c.block(s.Then)
		c.block(s.Else)
		c.ifs--
	case *ast.NumberForStmt:
		c.expr(s.Init, nil)
		c.expr(s.Limit, nil)
		if s.Step != nil {
			c.expr(s.Step, nil)
		}
		c.loop(func() {
			v := &variable{name: s.Name, line: s.Line(), decl: decl{s, 0}, typ: aNumber}
			c.shadows(v, nil)
			c.declare(v)
			c.stmts(s.Stmts)
		})
	case *ast.GenericForStmt:
		types := c.iterated(s)
		c.loop(func() {
			for i, name := range s.Names {
				v := &variable{name: name, line: s.Line(), decl: decl{s, i}, typ: at(types, i)}
				c.shadows(v, nil)
				c.declare(v)
			}
			c.stmts(s.Stmts)
		})
	case *ast.FuncDefStmt:
		c.define(s)
	case *ast.ReturnStmt:
		for _, e := range s.Exprs {
			c.expr(e, nil)
		}
	}
}

func at(types []*typ, i int) *typ {
	if i < len(types) {
		return types[i]
	}
	return anything
}

func (c *checker) local(s *ast.LocalAssignStmt) {
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if fn, ok := s.Exprs[0].(*ast.FunctionExpr); ok { // it sees itself
			v := c.declare(&variable{name: s.Names[0], line: s.Line(), decl: decl{s, 0}, fn: fn, role: "function"})
			reads, calls := v.reads, v.calls
			c.shadows(v, nil)
			c.function(fn, nil, false)
			v.reads, v.calls = reads, calls // calling itself is no use
			return
		}
	}
	types := c.values(s.Exprs)
	for i, name := range s.Names {
		v := &variable{name: name, line: s.Line(), decl: decl{s, i}, typ: at(types, i), role: "local"}
		if i < len(s.Exprs) {
			v.fn, _ = s.Exprs[i].(*ast.FunctionExpr)
			c.shadows(v, s.Exprs[i])
		} else {
			c.shadows(v, nil)
		}
		c.declare(v)
	}
}

func (c *checker) assignment(s *ast.AssignStmt) {
	types := c.values(s.Rhs)
	for i, target := range s.Lhs {
		switch target := target.(type) {
		case *ast.IdentExpr:
			var fn *ast.FunctionExpr
			if i < len(s.Rhs) {
				fn, _ = s.Rhs[i].(*ast.FunctionExpr)
			}
			c.assign(target, at(types, i), fn)
		case *ast.AttrGetExpr:
			if id, ok := globalOf(target); ok && c.find("_G") == nil {
				c.assign(id, at(types, i), nil)
				c.globals[id.Value].top = true // no accident, wherever it stands
				continue
			}
			object := c.expr(target.Object, nil)
			c.expr(target.Key, nil)
			c.stored(target, object)
		}
	}
}

// stored is object.key = value.
func (c *checker) stored(target *ast.AttrGetExpr, object *typ) {
	if object.leaf {
		c.report(target.Line(), Tensor, "use tensor.where, or multiply by a mask", "logprobs cannot be assigned to: the gradient is of them")
	}
	id, ok := target.Object.(*ast.IdentExpr)
	if !ok || object.kind != record || c.reporting {
		return
	}
	if v := c.find(id.Value); v != nil {
		c.written[v.decl]++ // has more fields than its constructor
	}
}

// globalOf is the name in _G.name.
func globalOf(e *ast.AttrGetExpr) (*ast.IdentExpr, bool) {
	object, isName := e.Object.(*ast.IdentExpr)
	key, isText := e.Key.(*ast.StringExpr)
	if !isName || !isText || object.Value != "_G" {
		return nil, false
	}
	id := &ast.IdentExpr{Value: key.Value}
	id.SetLine(object.Line())
	return id, true
}

func (c *checker) define(s *ast.FuncDefStmt) {
	switch {
	case s.Name.Func == nil: // function t:name()
		c.expr(s.Name.Receiver, nil)
		c.function(s.Func, nil, true)
		return
	default:
		if id, ok := s.Name.Func.(*ast.IdentExpr); ok {
			c.assign(id, anything, s.Func)
		} else if get, ok := s.Name.Func.(*ast.AttrGetExpr); ok {
			c.expr(get.Object, nil)
		}
	}
	c.function(s.Func, nil, false)
}

// function walks a function's body; want is what it is passed as, if known.
func (c *checker) function(fn *ast.FunctionExpr, want *typ, method bool) {
	if want != nil && want.kind == function {
		c.expects[fn] = want
	}
	want = c.expects[fn]
	c.depth++
	within, ifs, trying := c.within, c.ifs, c.trying
	c.within, c.ifs, c.trying = nil, 0, c.tried[fn]
	c.push()
	if method {
		c.declare(&variable{name: "self", line: fn.Line(), decl: decl{fn, -1}})
	}
	var params []*variable
	for i, name := range fn.ParList.Names {
		v := &variable{name: name, line: fn.Line(), decl: decl{fn, i}}
		if want != nil && i < len(want.params) {
			v.typ = want.params[i].typ
			if i == 1 && want == c.lib.parse("hud.CustomLoss") { // logprobs
				leaf := *aTensor
				leaf.leaf = true
				v.typ = &typ{kind: list, elem: &leaf}
			}
		}
		params = append(params, c.declare(v))
	}
	c.stmts(fn.Stmts)
	c.idle[fn] = idle(params)
	c.pop()
	c.within, c.ifs, c.trying = within, ifs, trying
	c.depth--
}

// values are the types of a list of expressions; the last may give several.
func (c *checker) values(exprs []ast.Expr) []*typ {
	var types []*typ
	for i, e := range exprs {
		if call, ok := e.(*ast.FuncCallExpr); ok && i == len(exprs)-1 && !call.AdjustRet {
			types = append(types, c.call(call)...)
			continue
		}
		types = append(types, c.expr(e, nil))
	}
	return types
}

// iterated are the types of a generic loop's variables.
func (c *checker) iterated(s *ast.GenericForStmt) []*typ {
	if len(s.Exprs) == 1 {
		if call, ok := s.Exprs[0].(*ast.FuncCallExpr); ok && len(call.Args) == 1 {
			if id, ok := call.Func.(*ast.IdentExpr); ok && (id.Value == "ipairs" || id.Value == "pairs") && c.find(id.Value) == nil {
				switch t := c.expr(call.Args[0], nil); {
				case t.is("tensor"):
					c.wantsTable(call.Line(), id.Value)
				case t.kind == list:
					return []*typ{aNumber, t.elem}
				case id.Value == "ipairs":
					return []*typ{aNumber}
				}
				return nil
			}
		}
	}
	types := c.values(s.Exprs)
	if t := at(types, 0); t.kind == function && len(types) == 1 {
		return t.returns
	}
	return nil
}
