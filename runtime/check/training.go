package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/hudrl/hudrl/runtime"
)

// facts are what a script does about training, for rules that need all of it.
type facts struct {
	required  bool     // another file may do the rest
	groups    []groups // that jobs make, of more than one
	ungrouped []use    // passes without group_size whose advantages need groups
	sizes     []groups // group_size of passes
	passes    []use    // what accumulates gradients
	steps     []use    // what applies them
	greedy    []use    // rollouts at temperature 0 that are not evaluations
}

// A use is a call of a method, and where in the script it stands.
type use struct {
	line    int
	name    string
	of      decl  // the trainer's, zero where it is no name
	depth   int   // functions around it
	within  []int // loops around it, in its function
	perhaps bool  // under a condition
}

// groups are groups of a size that is not always known.
type groups struct {
	line  int
	size  float64
	known bool
}

// note collects the facts of a call. The options stand in the last argument.
func (c *checker) note(e *ast.FuncCallExpr, receiver *typ, fn *typ, args []ast.Expr) {
	line, f := e.Line(), &c.facts
	arg := func(i int) *ast.TableExpr {
		if i < len(args) {
			t, _ := args[i].(*ast.TableExpr)
			return t
		}
		return nil
	}
	group := func(opts *ast.TableExpr) {
		v := option(opts, "group")
		if n, ok := number(v); v != nil && (!ok || n > 1) {
			f.groups = append(f.groups, groups{line, n, ok})
		}
	}
	here := use{line: line, name: fn.name, of: c.declOf(e.Receiver), depth: c.depth, within: slices.Clone(c.within), perhaps: c.ifs > 0}
	switch fn.name {
	case "hud.loss.as_custom":
		if len(args) > 0 {
			if name, ok := args[0].(*ast.StringExpr); ok && !c.registered[name.Value] && !c.facts.required && !slices.Contains(c.lib.losses(), name.Value) {
				hint := c.near(name.Value, c.lib.losses)
				if hint == "" {
					hint = "loss.list() has them all"
				}
				c.report(name.Line(), Type, hint, "%s: there is no loss %q", fn.name, name.Value)
			} else if ok && arg(1) != nil && !c.registered[name.Value] {
				if e := c.lib.entries["hud.loss."+name.Value]; len(e.Params) > 0 {
					c.given(arg(1), c.lib.parse(e.Params[len(e.Params)-1].Type).asTable(arg(1)), "hud.loss."+name.Value)
				}
			}
		}
	case "hud.loss.register":
		if len(args) > 0 {
			if name, ok := args[0].(*ast.StringExpr); ok {
				c.registered[name.Value] = true
			}
		}
	case "hud.Job.start":
		group(arg(1))
	case "hud.Taskset:run":
		_, evaluation := option(arg(1), "train").(*ast.FalseExpr)
		if !evaluation {
			group(arg(1))
		}
		agent := len(args) > 0 && c.greedyAgent(args[0])
		if t := option(arg(1), "temperature"); t != nil {
			n, ok := number(t)
			agent = ok && n == 0
		}
		if agent && !evaluation {
			f.greedy = append(f.greedy, here)
		}
	case "hud.Trainer:forward_backward", "hud.Trainer:forward_backward_custom", "hud.Trainer:backward", "hud.Trainer:step":
		f.passes = append(f.passes, here)
		at := 1
		switch fn.name {
		case "hud.Trainer:forward_backward_custom":
			at = 2
		case "hud.Trainer:backward":
			return
		case "hud.Trainer:step":
			f.steps = append(f.steps, here)
		}
		opts := arg(at)
		if len(args) > at && opts == nil {
			return // options made elsewhere
		}
		c.rate(line, opts)
		if name, ok := option(opts, "loss_fn").(*ast.StringExpr); ok {
			c.lossFn(name)
			if name.Value == "cross_entropy" {
				return
			}
		}
		if size := option(opts, "group_size"); size == nil {
			f.ungrouped = append(f.ungrouped, here)
		} else {
			n, ok := number(size)
			f.sizes = append(f.sizes, groups{size.Line(), n, ok})
		}
	case "hud.Trainer:optim_step":
		f.steps = append(f.steps, here)
		c.rate(line, arg(0))
	}
}

// declOf is where a name's local is declared.
func (c *checker) declOf(e ast.Expr) decl {
	if id, ok := e.(*ast.IdentExpr); ok {
		if v := c.find(id.Value); v != nil {
			return v.decl
		}
	}
	return decl{}
}

// builtinLosses are those that every service knows.
var builtinLosses = []string{"cross_entropy", "importance_sampling", "ppo", "cispo", "dro"}

// lossFn reports a name that loss_fn does not know.
func (c *checker) lossFn(name *ast.StringExpr) {
	if slices.Contains(builtinLosses, name.Value) {
		return
	}
	hint := "the services know " + strings.Join(builtinLosses, ", ") + "; trainer:available_losses() lists what one has"
	if best := runtime.Nearest(name.Value, builtinLosses); best != "" {
		hint = fmt.Sprintf("did you mean %q?", best)
	} else if c.registered[name.Value] || slices.Contains(c.lib.losses(), name.Value) {
		hint = fmt.Sprintf("it is one of hud.loss: trainer:forward_backward_custom(batch, loss.as_custom(%q))", name.Value)
	}
	c.report(name.Line(), Type, hint, "loss_fn: no service has a loss %q", name.Value)
}

// rate reports learning rates that are surely a slip.
func (c *checker) rate(line int, opts *ast.TableExpr) {
	if lr, ok := number(option(opts, "learning_rate")); ok && lr >= 0.1 {
		c.report(line, Training, "adapters train around 1e-4, whole models around 1e-5", "learning_rate %g is very large", lr)
	}
}

// training reports what only the whole script shows.
func (c *checker) training() {
	f := c.facts
	if len(f.groups) > 0 {
		for _, u := range f.ungrouped {
			c.report(u.line, Training, "pass group_size, the same number as the job's group",
				"%s without group_size: line %d makes groups, and without it the baseline is the mean over the whole batch", u.name, f.groups[0].line)
		}
	}
	c.groupSizes()
	if len(f.steps) > 0 {
		for _, u := range f.greedy {
			c.report(u.line, Training, "sample at temperature 1 to train; train = false marks an evaluation",
				"%s at temperature 0: a group's answers are all alike, and there is nothing to learn from", u.name)
		}
	}
	handed := func(u use) bool { return u.of == decl{} || c.escaped[u.of] }
	if f.required || slices.ContainsFunc(f.passes, handed) || slices.ContainsFunc(f.steps, handed) {
		return // somebody else may do the rest
	}
	switch {
	case len(f.passes) > 0 && len(f.steps) == 0:
		u := f.passes[0]
		c.report(u.line, Training, "call trainer:optim_step{ learning_rate = … } after it", "%s accumulates gradients, but nothing here takes a step", u.name)
	case len(f.steps) > 0 && len(f.passes) == 0:
		u := f.steps[0]
		c.report(u.line, Training, "call forward_backward before it", "%s: nothing here accumulates a gradient", u.name)
	default:
		c.order()
	}
}

// groupSizes reports a group_size that is the size of no group.
func (c *checker) groupSizes() {
	f := c.facts
	unknown := func(g groups) bool { return !g.known }
	if len(f.groups) == 0 || slices.ContainsFunc(f.groups, unknown) {
		return
	}
	for _, s := range f.sizes {
		if s.known && !slices.ContainsFunc(f.groups, func(g groups) bool { return g.size == s.size }) {
			c.report(s.line, Training, "a group is what one task's runs are compared with: both are the same number",
				"group_size %g: line %d makes groups of %g", s.size, f.groups[0].line, f.groups[0].size)
		}
	}
}

// order reports steps before the first pass, and passes after the last step.
// It looks at trainers that are used outside functions only, where the order
// of lines is that of calls.
func (c *checker) order() {
	f := c.facts
	if slices.ContainsFunc(append(slices.Clone(f.passes), f.steps...), func(u use) bool { return u.depth > 0 }) {
		return
	}
	// before: what b does can be seen by a, as it comes first or in an earlier
	// round of a loop.
	before := func(b, a use, rounds bool) bool {
		return b.of == a.of && (b.line < a.line || b.line == a.line && b.name == a.name ||
			rounds && slices.ContainsFunc(b.within, func(loop int) bool { return slices.Contains(a.within, loop) }))
	}
	for _, s := range f.steps {
		// In a loop the first round comes without an earlier one.
		if !s.perhaps && s.name == "hud.Trainer:optim_step" && !slices.ContainsFunc(f.passes, func(p use) bool { return before(p, s, false) || p.of == s.of && p.line == s.line }) {
			c.report(s.line, Training, "call forward_backward before it", "%s comes before the first pass: nothing is accumulated yet", s.name)
		}
	}
	for _, p := range f.passes {
		if p.name != "hud.Trainer:step" && !slices.ContainsFunc(f.steps, func(s use) bool { return before(p, s, true) || p.of == s.of && p.line == s.line }) {
			c.report(p.line, Training, "call trainer:optim_step{ learning_rate = … } after it", "%s accumulates gradients that no step after it applies", p.name)
		}
	}
}

// results are what a call gives; an agent remembers that it is greedy.
func (c *checker) results(fn *typ, args []ast.Expr) []*typ {
	if fn.name == "hud.args" && len(args) == 1 {
		return []*typ{flags(args[0])}
	}
	if (fn.name == "hud.Agent" || fn.name == "hud.create_agent") && len(args) == 2 && len(fn.returns) == 1 {
		opts, _ := args[1].(*ast.TableExpr)
		if n, ok := number(option(opts, "temperature")); ok && n == 0 {
			agent := *fn.returns[0]
			agent.greedy = true
			return []*typ{&agent}
		}
	}
	return fn.returns
}

// flags are what hud.args makes of its defaults.
func flags(e ast.Expr) *typ {
	defaults, ok := e.(*ast.TableExpr)
	if !ok {
		return anything
	}
	t := &typ{kind: record, name: "hud.args"}
	for _, f := range defaults.Fields {
		key, ok := f.Key.(*ast.StringExpr)
		if !ok {
			return anything
		}
		value := f.Value
		if list, ok := value.(*ast.TableExpr); ok && len(list.Fields) > 0 { // { default, help }
			value = list.Fields[0].Value
		}
		as := anything
		switch negated(value).(type) {
		case *ast.NumberExpr:
			as = aNumber
		case *ast.StringExpr:
			as = aString
		case *ast.TrueExpr, *ast.FalseExpr:
			as = aBoolean
		}
		t.fields = append(t.fields, field{key.Value, as})
	}
	return t
}

func (c *checker) greedyAgent(e ast.Expr) bool {
	if id, ok := e.(*ast.IdentExpr); ok {
		if v := c.find(id.Value); v != nil {
			return v.typ.greedy
		}
	}
	return false
}

// option is the value that a table constructor gives a name, or nil.
func option(e *ast.TableExpr, name string) ast.Expr {
	if e == nil {
		return nil
	}
	for _, f := range e.Fields {
		if key, ok := f.Key.(*ast.StringExpr); ok && key.Value == name {
			return f.Value
		}
	}
	return nil
}

func number(e ast.Expr) (float64, bool) {
	n, ok := e.(*ast.NumberExpr)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	return v, err == nil
}
