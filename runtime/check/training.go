package check

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// facts are what a script does about training, for rules that need all of it.
type facts struct {
	required    bool  // another file may do the rest
	grouped     int   // the line where runs get groups of more than one
	ungrouped   []use // passes without group_size whose advantages need groups
	accumulates []use
	steps       []use
	greedy      []use // rollouts at temperature 0 that are not evaluations
}

type use struct {
	line int
	name string
}

// note collects the facts of a call. The options stand in the last argument.
func (c *checker) note(e *ast.FuncCallExpr, receiver, fn *typ, args []ast.Expr) {
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
		if n, ok := number(v); v != nil && (!ok || n > 1) && f.grouped == 0 {
			f.grouped = line
		}
	}
	switch fn.name {
	case "hud.loss.register":
		if len(args) > 0 {
			if name, ok := args[0].(*ast.StringExpr); ok {
				c.registered[name.Value] = true
			}
		}
	case "hud.Job.start":
		group(arg(1))
	case "hud.Taskset:run":
		group(arg(1))
		_, evaluation := option(arg(1), "train").(*ast.FalseExpr)
		agent := len(args) > 0 && c.greedyAgent(args[0])
		if t := option(arg(1), "temperature"); t != nil {
			n, ok := number(t)
			agent = ok && n == 0
		}
		if agent && !evaluation {
			f.greedy = append(f.greedy, use{line, fn.name})
		}
	case "hud.Trainer:forward_backward", "hud.Trainer:forward_backward_custom", "hud.Trainer:backward", "hud.Trainer:step":
		use := use{line, fn.name}
		f.accumulates = append(f.accumulates, use)
		at := 1
		switch fn.name {
		case "hud.Trainer:forward_backward_custom":
			at = 2
		case "hud.Trainer:backward":
			return
		case "hud.Trainer:step":
			f.steps = append(f.steps, use)
		}
		opts := arg(at)
		if len(args) > at && opts == nil {
			return // options made elsewhere
		}
		c.rate(line, opts)
		if loss, ok := option(opts, "loss_fn").(*ast.StringExpr); ok && loss.Value == "cross_entropy" {
			return
		}
		if option(opts, "group_size") == nil {
			f.ungrouped = append(f.ungrouped, use)
		}
	case "hud.Trainer:optim_step":
		f.steps = append(f.steps, use{line, fn.name})
		c.rate(line, arg(0))
	}
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
	if f.grouped > 0 {
		for _, u := range f.ungrouped {
			c.report(u.line, Training, "pass group_size, the same number as the job's group",
				"%s without group_size: line %d makes groups, and without it the baseline is the mean over the whole batch", u.name, f.grouped)
		}
	}
	if len(f.steps) > 0 {
		for _, u := range f.greedy {
			c.report(u.line, Training, "sample at temperature 1 to train; train = false marks an evaluation",
				"%s at temperature 0: a group's answers are all alike, and there is nothing to learn from", u.name)
		}
	}
	switch {
	case f.required:
	case len(f.accumulates) > 0 && len(f.steps) == 0:
		u := f.accumulates[0]
		c.report(u.line, Training, "call trainer:optim_step{ learning_rate = … } after it", "%s accumulates gradients, but nothing here takes a step", u.name)
	case len(f.steps) > 0 && len(f.accumulates) == 0:
		u := f.steps[0]
		c.report(u.line, Training, "call forward_backward before it", "%s: nothing here accumulates a gradient", u.name)
	}
}

// results are what a call gives; an agent remembers that it is greedy.
func (c *checker) results(fn *typ, args []ast.Expr) []*typ {
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
