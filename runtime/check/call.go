package check

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// call walks a call and tells what is known of its results.
func (c *checker) call(e *ast.FuncCallExpr) []*typ {
	line := e.Line()
	var fn, receiver *typ
	if e.Func != nil {
		fn = c.expr(e.Func, nil)
		if id, ok := e.Func.(*ast.IdentExpr); ok {
			if v := c.find(id.Value); v != nil {
				v.calls++
			} else if known := c.builtin(line, id.Value, e.Args); known != nil {
				return known
			}
			c.surplus(line, id, e.Args)
		}
	} else {
		receiver = c.expr(e.Receiver, nil)
		fn = c.member(line, receiver, e.Method, ":")
		c.own(e.Receiver)
		if receiver.leaf && strings.HasSuffix(e.Method, "_") && fn.kind == function && e.Method != "requires_grad_" {
			c.report(line, Tensor, "write "+strings.TrimSuffix(e.Method, "_")+", which makes a new tensor", "%s cannot change logprobs: the gradient is of them", e.Method)
		}
	}
	if fn.kind != function || fn.name == "" && fn.returns != nil && c.ofStandard(e) {
		c.withStandard(e, c.arguments(e.Args, nil))
		if fn.kind == function {
			return fn.returns
		}
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
	if fn.name == "hud.test.raises" {
		c.try(args)
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

// try notes a function whose calls may be there to see whether they raise.
func (c *checker) try(args []ast.Expr) {
	if len(args) > 0 {
		if fn, ok := args[0].(*ast.FunctionExpr); ok {
			c.tried[fn] = true
		}
	}
}

// own notes that a name is used for what it is, and handed to nobody.
func (c *checker) own(e ast.Expr) {
	if id, ok := e.(*ast.IdentExpr); ok {
		if v := c.find(id.Value); v != nil {
			v.owned++
		}
	}
}

// surplus reports arguments that a function of the script drops.
func (c *checker) surplus(line int, id *ast.IdentExpr, args []ast.Expr) {
	var fn *ast.FunctionExpr
	if v := c.find(id.Value); v != nil {
		fn = v.fn
	} else if g := c.globals[id.Value]; g != nil && g.writes == 1 && !g.standard {
		fn = g.fn
	}
	if fn == nil || fn.ParList.HasVargs {
		return
	}
	if n := len(fn.ParList.Names); len(args) > n {
		c.report(line, Argument, "", "%s takes %s, got %d", id.Value, counted(n), len(args))
	}
}

func counted(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

// builtin is a call of a global function that says something of its results.
func (c *checker) builtin(line int, name string, args []ast.Expr) []*typ {
	if g := c.globals[name]; g == nil || !g.standard || g.writes > 0 {
		return nil
	}
	switch name {
	case "print", "assert", "pcall", "xpcall", "select", "setmetatable", "getmetatable", "rawequal", "rawget":
		if strings.HasSuffix(name, "pcall") {
			c.try(args)
		}
		c.arguments(args, nil)
		if name == "print" {
			for _, a := range args {
				c.own(a)
			}
		}
		return []*typ{anything}
	case "pairs", "ipairs", "next", "unpack":
		if t := at(c.arguments(args, nil), 0); t.is("tensor") {
			c.wantsTable(line, name)
		}
		return []*typ{anything}
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
		if t := at(c.arguments(args, nil), 0); t.is("tensor") {
			c.report(line, Tensor, "t:item() is the number of a tensor of one element", "tonumber of a tensor is nil")
		}
		return []*typ{anything} // or nil
	case "tostring", "type":
		c.arguments(args, nil)
		for _, a := range args {
			c.own(a)
		}
		return []*typ{aString}
	}
	return nil
}

// arguments walks the arguments of a call of fn, which may be nil.
func (c *checker) arguments(args []ast.Expr, fn *typ) []*typ {
	types := make([]*typ, len(args))
	for i, a := range args {
		if fn == nil || i >= len(fn.params) || fn.params[i].name == "..." {
			types[i] = c.expr(a, nil)
			continue
		}
		p := fn.params[i]
		want := p.typ.asTable(a)
		if given, ok := a.(*ast.TableExpr); ok {
			if fn.name != "" {
				where := fn.name
				if want.kind == class && !strings.HasSuffix(want.name, "Options") && want.name != fn.name {
					where = ""
				}
				c.places[given] = fn.name + ": " + p.name
				c.given(given, want, where)
			}
		} else if f := p.typ.asFunction(); f != nil {
			want = f
		}
		types[i] = c.expr(a, want)
		if fn.name != "" { // nobody promised a function value's parameters
			c.fit(fn.name+": "+p.name, a, types[i], p.typ, p.optional)
		}
	}
	return types
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
	if !ok || !result.is("tensor") || c.trying {
		return
	}
	if call.Method == "" {
		if get, ok := call.Func.(*ast.AttrGetExpr); ok {
			name, _ := get.Key.(*ast.StringExpr)
			if object := c.quiet(get.Object); name != nil && object.kind == space && (object.name == "hud.tensor" || strings.HasPrefix(object.name, "hud.loss")) {
				c.report(e.Line(), Tensor, "assign it", "the result of %s.%s is not used", object.name, name.Value)
			}
		}
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

// quiet is what is known of an expression that was walked before.
func (c *checker) quiet(e ast.Expr) *typ {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if v := c.find(e.Value); v != nil {
			return v.typ
		}
		if g := c.globals[e.Value]; g != nil && g.writes == 1 && !g.standard {
			return g.typ
		}
	case *ast.AttrGetExpr:
		if name, ok := e.Key.(*ast.StringExpr); ok {
			t, _ := c.lib.member(c.quiet(e.Object), name.Value)
			return t
		}
	}
	return anything
}
