package check

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// call walks a call and tells what is known of its results.
func (c *checker) call(e *ast.FuncCallExpr) []*typ {
	line := e.Line()
	var fn, receiver *typ
	if e.Func != nil {
		fn = c.expr(e.Func, nil)
		if id, ok := e.Func.(*ast.IdentExpr); ok && c.find(id.Value) == nil {
			if known := c.builtin(id.Value, e.Args); known != nil {
				return known
			}
		}
	} else {
		receiver = c.expr(e.Receiver, nil)
		fn = c.member(line, receiver, e.Method, ":")
	}
	if fn.kind != function {
		c.arguments(e.Args, nil)
		if fn.kind == space && fn.name == theTensor.name {
			return []*typ{aTensor}
		}
		return nil
	}
	args := e.Args
	if written := strings.Contains(fn.name, ":"); fn.name != "" && written != (receiver != nil) {
		switch {
		case !written && receiver.kind == space:
			c.report(line, Argument, "write "+fn.name+"(…), with a dot", "%s is a function, not a method", fn.name)
			c.arguments(args, nil)
			return fn.returns
		case written && (len(args) == 0 || c.peek(args[0]) != strings.Split(fn.name, ":")[0]):
			c.report(line, Argument, "write it with a colon, so that it gets the object", "%s is a method", fn.name)
			c.arguments(args, nil)
			return fn.returns
		case written:
			c.expr(args[0], nil)
			args = args[1:]
		}
	}
	c.arguments(args, fn)
	c.count(line, args, fn)
	c.note(e, receiver, fn, args)
	return c.results(fn, args)
}

// peek is the class of a name's value, without reading it.
func (c *checker) peek(e ast.Expr) string {
	if id, ok := e.(*ast.IdentExpr); ok {
		if v := c.find(id.Value); v != nil {
			return v.typ.name
		}
	}
	return ""
}

// builtin is a call of a global function that says something of its results.
func (c *checker) builtin(name string, args []ast.Expr) []*typ {
	switch name {
	case "require":
		if len(args) != 1 {
			return nil
		}
		text, ok := args[0].(*ast.StringExpr)
		if !ok {
			return nil
		}
		if t := c.lib.module(text.Value); t != nil {
			return []*typ{t}
		}
		if text.Value != "hud" && strings.HasPrefix(text.Value, "hud.") {
			c.report(text.Line(), Name, c.near(text.Value, c.lib.modules), "there is no module %s", text.Value)
		} else {
			c.facts.required = true
		}
		return []*typ{anything}
	case "tonumber":
		c.arguments(args, nil)
		return []*typ{anything} // or nil
	case "tostring", "type":
		c.arguments(args, nil)
		return []*typ{aString}
	}
	return nil
}

// arguments walks the arguments of a call of fn, which may be nil.
func (c *checker) arguments(args []ast.Expr, fn *typ) {
	for i, a := range args {
		var want *typ
		if fn != nil && i < len(fn.params) && fn.params[i].name != "..." {
			want = fn.params[i].typ
			if given, ok := a.(*ast.TableExpr); ok {
				where := fn.name
				if want.kind == class && !strings.HasSuffix(want.name, "Options") {
					where = ""
				}
				c.given(given, want, where)
			}
		}
		c.expr(a, want)
	}
}

// count reports missing and superfluous arguments.
func (c *checker) count(line int, args []ast.Expr, fn *typ) {
	if fn.name == "" {
		return // a function value: nobody promised its parameters
	}
	open := false
	if n := len(args); n > 0 {
		switch last := args[n-1].(type) {
		case *ast.FuncCallExpr:
			open = !last.AdjustRet
		case *ast.Comma3Expr:
			open = !last.AdjustRet
		}
	}
	for i, p := range fn.params {
		if p.name == "..." {
			return
		}
		if i >= len(args) && !open && !p.optional {
			c.report(line, Argument, "", "%s: missing argument %s", fn.name, p.name)
			return
		}
	}
	if len(args) > len(fn.params) {
		c.report(line, Argument, "", "%s takes %d arguments, got %d", fn.name, len(fn.params), len(args))
	}
}

// discarded reports a call whose only effect is its result.
func (c *checker) discarded(e ast.Expr, result *typ) {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok || call.Method == "" || !result.is("tensor") {
		return
	}
	entry, ok := c.lib.entries["tensor."+call.Method]
	if !ok || !entry.Function || len(entry.Returns) == 0 || strings.HasPrefix(entry.Returns[0], "tensor self") || strings.HasSuffix(call.Method, "_") {
		return
	}
	hint := "assign it"
	if _, ok := c.lib.entries["tensor."+call.Method+"_"]; ok {
		hint += ", or write " + call.Method + "_ to change the tensor itself"
	}
	c.report(e.Line(), Tensor, hint, "the result of tensor:%s is not used", call.Method)
}
