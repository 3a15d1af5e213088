package check

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/hudrl/hudrl/runtime"
)

// expr walks an expression and tells what is known of its value. want is what
// it is used as, nil where that is not known.
func (c *checker) expr(e ast.Expr, want *typ) *typ {
	switch e := e.(type) {
	case *ast.NumberExpr:
		return aNumber
	case *ast.StringExpr:
		return aString
	case *ast.TrueExpr, *ast.FalseExpr:
		return aBoolean
	case *ast.IdentExpr:
		t, fn := c.read(e)
		if fn != nil && want != nil && want.kind == function {
			c.expects[fn] = want
		}
		return t
	case *ast.AttrGetExpr:
		return c.get(e)
	case *ast.FuncCallExpr:
		return at(c.call(e), 0)
	case *ast.FunctionExpr:
		c.function(e, want, false)
	case *ast.TableExpr:
		c.table(e, want)
	case *ast.LogicalOpExpr:
		return c.logical(e, want)
	case *ast.RelationalOpExpr:
		c.compare(e)
		return aBoolean
	case *ast.StringConcatOpExpr:
		c.joined(e.Lhs)
		c.joined(e.Rhs)
		return aString
	case *ast.ArithmeticOpExpr:
		a, b := c.expr(e.Lhs, nil), c.expr(e.Rhs, nil)
		switch {
		case a.is("tensor") || b.is("tensor"):
			return aTensor
		case a.is1("number") && b.is1("number"):
			return aNumber
		}
	case *ast.UnaryMinusOpExpr:
		if t := c.expr(e.Expr, nil); t.is("tensor") || t.is1("number") {
			return t
		}
	case *ast.UnaryNotOpExpr:
		c.condition(e.Expr)
		return aBoolean
	case *ast.UnaryLenOpExpr:
		c.expr(e.Expr, nil)
		return aNumber
	}
	return anything
}

// get is object.key or object[key].
func (c *checker) get(e *ast.AttrGetExpr) *typ {
	object := c.expr(e.Object, nil)
	name, ok := e.Key.(*ast.StringExpr)
	if !ok {
		c.expr(e.Key, nil)
		switch {
		case object.kind == list:
			return object.elem
		case object.is("tensor"):
			return aTensor
		}
		return anything
	}
	return c.member(e.Line(), object, name.Value, ".")
}

// member is object.name, reported where there is no such name.
func (c *checker) member(line int, object *typ, name, mark string) *typ {
	if object != nil && object.is1("string") {
		object = c.library["string"]
	}
	if object == nil {
		return anything
	}
	t, ok := c.lib.member(object, name)
	if ok || object.kind == space && object.name == "hud.loss" && (c.registered[name] || c.facts.required) {
		return t
	}
	owner := object.name
	if owner == "" {
		owner = "the table"
	}
	hint := runtime.AbsentHint(owner + "." + name)
	if hint == "" {
		hint = c.near(name, func() []string { return c.lib.members(object) })
	}
	what := ""
	if mark == ":" {
		what = "method "
	}
	c.report(line, Name, hint, "%s has no %s%s", owner, what, name)
	return anything
}

// condition is where only nil and false count as no.
func (c *checker) condition(e ast.Expr) {
	if t := c.expr(e, nil); t.is("tensor") && !t.maybe {
		c.report(e.Line(), Tensor, "compare its value: t:item() > 0, t:any():item() == 1", "a tensor counts as true, whatever its values")
	}
}

func (c *checker) logical(e *ast.LogicalOpExpr, want *typ) *typ {
	a, b := c.expr(e.Lhs, want), c.expr(e.Rhs, want)
	if a.is("tensor") && !a.maybe {
		method := "land"
		if e.Operator == "or" {
			method = "lor"
		}
		c.report(e.Line(), Tensor, "write a:"+method+"(b), or a * b for masks", "%q takes a tensor for true, whatever its values", e.Operator)
	}
	if e.Operator == "and" {
		return anything
	}
	if a.kind == b.kind && a.name == b.name && a.kind != record && a.kind != function && a.kind != list {
		return b
	}
	return anything
}

// joined is a side of "..". A tensor is none to report: one of one element is
// written as its number.
func (c *checker) joined(e ast.Expr) {
	if c.expr(e, nil).is1("boolean") {
		c.report(e.Line(), Type, "write tostring(…)", "..: got boolean, want string or number")
	}
}

var relations = map[string]string{"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

func (c *checker) compare(e *ast.RelationalOpExpr) {
	a, b := c.expr(e.Lhs, nil), c.expr(e.Rhs, nil)
	if !a.is("tensor") && !b.is("tensor") {
		return
	}
	if method, ok := relations[e.Operator]; ok {
		c.report(e.Line(), Tensor, "write a:"+method+"(b) for a mask, or compare t:item()", "%s does not compare tensors", e.Operator)
	} else if a.is1("number") || b.is1("number") {
		c.report(e.Line(), Tensor, "write a:eq(b) for a mask, or compare t:item()", "%s with a number is never true of a tensor: it asks whether both are the same object", e.Operator)
	}
}

// table walks a table constructor that is used as want.
func (c *checker) table(e *ast.TableExpr, want *typ) {
	fields := map[string]*typ{}
	if want != nil {
		for _, f := range c.lib.options(want) {
			fields[f.name] = f.typ
		}
	}
	where, listed := c.places[e], 0
	for _, f := range e.Fields {
		var as *typ
		place := ""
		switch key := f.Key.(type) {
		case nil:
			listed++
			if want != nil && want.kind == list {
				as, place = want.elem, "["+strconv.Itoa(listed)+"]"
			}
		case *ast.StringExpr:
			as, place = fields[key.Value], key.Value
		default:
			c.expr(key, nil)
		}
		if as == nil && want != nil && want.is1("table") && want.elem != nil {
			as = want.elem
			if place == "" {
				place = "[…]"
			}
		}
		if as == nil {
			c.expr(f.Value, nil)
			continue
		}
		shape := as.asTable(f.Value)
		if given, ok := f.Value.(*ast.TableExpr); ok {
			if where != "" {
				c.places[given] = strings.Replace(where+": "+place, ": [", "[", 1)
			}
			c.given(given, shape, "")
		}
		t := c.expr(f.Value, shape)
		if where != "" && place != "" {
			c.fit(strings.Replace(where+": "+place, ": [", "[", 1), f.Value, t, as, place[0] != '[')
		}
	}
}

// given compares a table constructor with the fields it may have; where says
// for what it is given.
func (c *checker) given(e *ast.TableExpr, want *typ, where string) {
	known := c.lib.options(want)
	if len(known) == 0 {
		return
	}
	constructor := where == want.name
	if where == "" {
		where = want.name
		if where == "" {
			where = "the table"
		}
	}
	c.places[e] = where
	var names []string
	missing := map[string]bool{}
	for _, f := range known {
		names = append(names, f.name)
		missing[f.name] = !f.typ.maybe && f.typ.kind != unknown
	}
	open := false
	for _, f := range e.Fields {
		key, ok := f.Key.(*ast.StringExpr)
		if !ok {
			open = true
			continue
		}
		if _, ok := missing[key.Value]; !ok {
			line := key.Line()
			if line == 0 {
				line = e.Line()
			}
			c.report(line, Argument, c.near(key.Value, func() []string { return names }), "%s: unknown option %q", where, key.Value)
		}
		delete(missing, key.Value)
	}
	if open || want.kind == class && !strings.HasSuffix(want.name, "Options") && !constructor {
		return
	}
	for _, f := range known {
		if missing[f.name] {
			c.report(e.Line(), Argument, "", "%s: missing option %s", where, f.name)
		}
	}
}
