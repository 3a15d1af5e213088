package check

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/hudrl/hudrl/runtime"
)

// fits reports whether a value of type got may be used as want. Where too
// little is known it may.
func (l *library) fits(got, want *typ) bool {
	fit := func(t *typ) bool { return l.fits(got, t) }
	switch {
	case want == nil || got == nil || want.kind == unknown && want.alts == nil || got.kind == unknown && got.alts == nil:
		return true
	case got.kind == unknown:
		return slices.ContainsFunc(got.alts, func(t *typ) bool { return l.fits(t, want) })
	case want.kind == unknown:
		return slices.ContainsFunc(want.alts, fit)
	}
	switch want.kind {
	case basic:
		switch {
		case want.name == "nil":
			return false
		case want.name == "table":
			return got.kind != basic && got.kind != function && !got.is("tensor") || got.name == "table"
		}
		return got.kind == basic && got.name == want.name
	case function:
		return got.kind == function || got.kind == class && !got.is("tensor")
	case class, list, record:
		switch {
		case got.kind == function || got.kind == basic && got.name != "table":
			return false
		case want.is("tensor"):
			return got.is("tensor") || got.kind == space
		case got.is("tensor"):
			return false
		}
		return true // tables of any shape, and objects that are like tables
	}
	return true
}

// shape is the type of an expression that tells it by its form.
func shape(e ast.Expr, known *typ) *typ {
	switch e.(type) {
	case *ast.NilExpr:
		return aNil
	case *ast.TableExpr:
		return aTable
	case *ast.FunctionExpr:
		return &typ{kind: function}
	}
	return known
}

// fit reports a value that is not what its place wants: where is "name: place".
// got is what is known of it.
func (c *checker) fit(where string, e ast.Expr, got, want *typ, optional bool) {
	if want == nil {
		return
	}
	got = shape(e, got)
	if got == aNil {
		if !optional && !want.maybe && (want.kind != unknown || want.alts != nil) {
			c.report(e.Line(), Type, "", "%s: got nil, want %s", where, want)
		}
		return
	}
	if !c.lib.fits(got, want) {
		hint := ""
		switch {
		case got.is("tensor") && want.is1("number"):
			hint = "t:item() is the number of a tensor of one element"
		case got.is("tensor") && want.String() == "table":
			hint = "t:tolist() is a table of its values"
		case got.is1("number") && want.is1("string"):
			hint = "tostring(n) writes a number"
		}
		c.report(e.Line(), Type, hint, "%s: got %s, want %s", where, got, want)
		return
	}
	if n, ok := number(negated(e)); ok && want.whole && n != math.Trunc(n) {
		c.report(e.Line(), Type, "", "%s: got %s, want a whole number", where, strconv.FormatFloat(n, 'g', -1, 64))
	}
	if s, ok := e.(*ast.StringExpr); ok {
		c.oneOf(e.Line(), where, s.Value, want.strings())
	}
}

// negated is e without a minus sign.
func negated(e ast.Expr) ast.Expr {
	if minus, ok := e.(*ast.UnaryMinusOpExpr); ok {
		return minus.Expr
	}
	return e
}

// oneOf reports a string that is none of those that mean something.
func (c *checker) oneOf(line int, where, got string, want []string) {
	if want == nil || slices.Contains(want, got) {
		return
	}
	hint := ""
	if best := runtime.Nearest(got, want); best != "" {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	c.report(line, Type, hint, "%s: got %q, want one of %s", where, got, strings.Join(want, ", "))
}

// is1 reports whether t is that basic type alone.
func (t *typ) is1(name string) bool { return t.kind == basic && t.name == name }

// strings are the strings that t may be, nil for any or none.
func (t *typ) strings() []string {
	if t.kind == basic {
		return t.enum
	}
	var all []string
	for _, a := range t.alts {
		if a.is1("string") {
			if a.enum == nil {
				return nil
			}
			all = append(all, a.enum...)
		}
	}
	return all
}

// String is t as messages call it.
func (t *typ) String() string {
	switch t.kind {
	case basic:
		return t.name
	case class:
		return t.name
	case list, record, space:
		return "table"
	case function:
		return "function"
	}
	var names []string
	for _, a := range t.alts {
		if name := a.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "a value"
	}
	return strings.Join(names, " or ")
}

// asTable is what the table e, given for t, may hold: t, or the one of its
// alternatives that has e's form. Other expressions have no form.
func (t *typ) asTable(e ast.Expr) *typ {
	if t == nil || t.kind != unknown {
		return t
	}
	named, listed := false, false
	if given, ok := e.(*ast.TableExpr); ok {
		for _, f := range given.Fields {
			named = named || f.Key != nil
			listed = listed || f.Key == nil
		}
	}
	var one *typ
	for _, a := range t.alts {
		fits := false
		switch {
		case a.kind == unknown:
			return anything
		case a.kind == list:
			fits = !named
		case a.kind == record, a.is1("table"), a.kind == class && !a.is("tensor"):
			fits = named || !listed
		}
		if fits && one != nil {
			return anything
		} else if fits {
			one = a
		}
	}
	if one == nil {
		return t
	}
	return one
}

// asFunction is the function that t may be, nil where it is none or several.
func (t *typ) asFunction() *typ {
	if t.kind == function {
		return t
	}
	var one *typ
	for _, a := range t.alts {
		if a.kind == function {
			if one != nil {
				return nil
			}
			one = a
		}
	}
	return one
}
