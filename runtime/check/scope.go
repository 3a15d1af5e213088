package check

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/hudrl/hudrl/runtime"
)

// A checker walks one script, twice: the first time it only learns.
type checker struct {
	lib       *library
	source    string
	lines     []string
	reporting bool
	problems  []Problem
	hints     int          // given so far
	excused   map[int]bool // lines with nocheck, of those asked about

	scopes  [][]*variable
	depth   int // functions around the statement
	written map[decl]int
	expects map[*ast.FunctionExpr]*typ // what a function is passed as
	globals map[string]*global
	library map[string]*typ // string, math, …
	facts   facts
	places  map[*ast.TableExpr]string // what messages call a table that is given
	idle    map[*ast.FunctionExpr][]*variable
	escaped map[decl]bool              // trainers that something else is handed
	within  []int                      // the loops around the statement, in its function
	began   int                        // loops so far
	tried   map[*ast.FunctionExpr]bool // by pcall and the like: they may be there to raise
	trying  bool                       // in such a function
	ifs     int                        // conditions around the statement, in its function

	registered map[string]bool // by loss.register
}

// A decl is where a local is declared.
type decl struct {
	node any
	i    int
}

type variable struct {
	name  string
	line  int
	decl  decl
	typ   *typ
	fn    *ast.FunctionExpr
	role  string // "local", "function"; "" for parameters and loop variables
	depth int    // functions around it
	reads int
	calls int // of the reads, those that call it
	owned int // of the reads, those that call a method of it or only show it

	hides    *variable // of the same function
	hiddenBy []hiding
}

type global struct {
	typ      *typ
	fn       *ast.FunctionExpr
	writes   int
	standard bool
	top      bool // assigned outside functions
	line     int  // of the first assignment in a function
}

// standard enters what every script can see.
func (c *checker) standard(extra []string) {
	c.library = map[string]*typ{}
	for lib, names := range runtime.Names() {
		if lib == "_G" {
			for _, name := range names {
				c.globals[name] = &global{typ: anything, standard: true}
			}
			continue
		}
		t := &typ{kind: record, name: lib}
		for _, name := range names {
			t.fields = append(t.fields, field{name, standardMember(lib, name)})
		}
		c.library[lib] = t
		c.globals[lib] = &global{typ: t, standard: true}
	}
	for _, name := range extra {
		c.globals[name] = &global{typ: anything, standard: true}
	}
}

func (c *checker) push() { c.scopes = append(c.scopes, nil) }

// pop leaves a scope and reports the locals that nobody read.
func (c *checker) pop() {
	scope := c.scopes[len(c.scopes)-1]
	c.scopes = c.scopes[:len(c.scopes)-1]
	for i, v := range scope {
		if v.hides != nil {
			v.hides.hiddenBy = append(v.hides.hiddenBy, hiding{v.line, v.hides.reads})
		}
		c.uncovered(v)
		if v.typ.is("hud.Trainer") && v.reads > v.owned {
			c.escaped[v.decl] = true
		}
		if v.role == "function" && v.fn != nil && v.reads > 0 && v.reads == v.calls {
			for _, p := range c.idle[v.fn] { // whoever is handed a function decides on its parameters
				c.report(p.line, Unused, "leave it out, or call it _"+p.name, "parameter %s of %s is never used", p.name, v.name)
			}
		}
		if v.role == "" || v.reads > 0 || strings.HasPrefix(v.name, "_") {
			continue
		}
		// local a, b = f() needs a name for a when only b is wanted.
		if slices.ContainsFunc(scope[i+1:], func(w *variable) bool { return w.decl.node == v.decl.node && w.reads > 0 }) {
			continue
		}
		if c.written[v.decl] > 0 {
			c.report(v.line, Unused, "", "%s %s is assigned but never read", v.role, v.name)
		} else {
			c.report(v.line, Unused, "", "%s %s is never used", v.role, v.name)
		}
	}
}

func (c *checker) declare(v *variable) *variable {
	if v.typ == nil || c.written[v.decl] > 0 {
		v.typ = anything
	}
	if c.written[v.decl] > 0 {
		v.fn = nil
	}
	v.depth = c.depth
	top := len(c.scopes) - 1
	c.scopes[top] = append(c.scopes[top], v)
	return v
}

func (c *checker) find(name string) *variable {
	for _, scope := range slices.Backward(c.scopes) {
		for _, v := range slices.Backward(scope) {
			if v.name == name {
				return v
			}
		}
	}
	return nil
}

// visible are the names a misspelt one may have meant.
func (c *checker) visible() []string {
	var names []string
	for _, scope := range c.scopes {
		for _, v := range scope {
			names = append(names, v.name)
		}
	}
	for name := range c.globals {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// read is what a name stands for.
func (c *checker) read(id *ast.IdentExpr) (*typ, *ast.FunctionExpr) {
	if v := c.find(id.Value); v != nil {
		v.reads++
		return v.typ, v.fn
	}
	g, ok := c.globals[id.Value]
	if !ok {
		hint := runtime.AbsentHint(id.Value)
		if hint == "" {
			hint = c.near(id.Value, c.visible)
		}
		if id.Value == "hud" {
			hint = `write local hud = require "hud"`
		}
		c.report(id.Line(), Global, hint, "undefined global %s", id.Value)
		return anything, nil
	}
	if g.writes > 1 || g.standard && g.writes > 0 {
		return anything, nil
	}
	return g.typ, g.fn
}

// assign is name = value.
func (c *checker) assign(id *ast.IdentExpr, t *typ, fn *ast.FunctionExpr) {
	if v := c.find(id.Value); v != nil {
		if !c.reporting {
			c.written[v.decl]++
		}
		return
	}
	g, ok := c.globals[id.Value]
	if !ok {
		g = &global{typ: t, fn: fn}
		c.globals[id.Value] = g
	}
	if !c.reporting {
		g.writes++
	}
	switch {
	case c.depth == 0:
		g.top = true
	case g.line == 0:
		g.line = id.Line()
	}
	if c.reporting && c.depth > 0 && !g.top && !g.standard && g.line == id.Line() {
		c.report(id.Line(), Global, "write local "+id.Value+", or assign it outside the function first",
			"assigns the global %s inside a function", id.Value)
	}
}
