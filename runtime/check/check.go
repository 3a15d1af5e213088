// Package check finds mistakes in a script without running it.
//
//	problems := check.Source("train.lua", text, check.Options{})
//	for _, p := range problems { fmt.Println(p) }
//	// train.lua:3: hud.TrainingClient: missing argument model
//
// It reports what cannot be right, or is seldom meant: syntax errors, globals
// that nothing defines, names, options and losses that hud does not have,
// arguments of the wrong type, locals that nobody reads or that hide others,
// statements that are never reached, tensors that are compared with < or ==,
// handed to math or dropped, and training that teaches nothing: a step without
// group_size on grouped runs, gradients that no step applies.
//
// What it knows of hud comes from the editor stubs of package stdlib: it
// follows values from require through locals, calls and loops, and says
// nothing of a value that it lost sight of. A line that ends in a comment
// with the word nocheck is not reported, nor what comes after a thousand problems.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/hudrl/hudrl/runtime"
)

// A Rule is a kind of problem.
type Rule string

const (
	Syntax   Rule = "syntax"   // the text does not compile
	Global   Rule = "global"   // a global that nothing defines, or by accident
	Name     Rule = "name"     // a name that its module or class does not have
	Argument Rule = "argument" // a call that lacks an argument, or an unknown option
	Type     Rule = "type"     // an argument or option of the wrong type, or none of the values it may have
	Unused   Rule = "unused"   // a local or parameter that nobody reads
	Shadow   Rule = "shadow"   // a local that hides another of its function
	Flow     Rule = "flow"     // a statement that is never reached
	Tensor   Rule = "tensor"   // a tensor where only its values could be meant
	Training Rule = "training" // a loop that cannot learn what it seems to
)

// A Problem is one finding.
type Problem struct {
	Source  string `json:"source"`
	Line    int    `json:"line"`
	Rule    Rule   `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do about it, or ""
	Text    string `json:"text,omitempty"` // the line
}

// String is one line without the hint.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s", p.Source, p.Line, p.Message)
}

// Options say what a script may rely on beside the standard names.
type Options struct {
	Globals []string // that the host sets
}

var stubs = sync.OnceValue(newLibrary)

// Source finds the problems of a script, in the order of its lines.
func Source(name, src string, opts Options) []Problem {
	if _, err := runtime.Compile(name, src); err != nil {
		p := Problem{Source: name, Line: 1, Rule: Syntax, Message: err.Error()}
		var e *runtime.Error
		if errors.As(err, &e) {
			p.Line, p.Message, p.Hint, p.Text = e.Line, e.Message, e.Hint, cut(e.Text)
		}
		return []Problem{p}
	}
	src = strings.TrimPrefix(src, "\ufeff")
	if strings.HasPrefix(src, "#!") {
		src = "--" + src
	}
	stmts, err := parse.Parse(strings.NewReader(src), name)
	if err != nil {
		return []Problem{{Source: name, Line: 1, Rule: Syntax, Message: err.Error()}}
	}
	c := &checker{
		lib: stubs().forScript(), source: name, lines: strings.Split(src, "\n"),
		written: map[decl]int{}, expects: map[*ast.FunctionExpr]*typ{}, globals: map[string]*global{}, registered: map[string]bool{}, excused: map[int]bool{}, places: map[*ast.TableExpr]string{},
		idle: map[*ast.FunctionExpr][]*variable{}, escaped: map[decl]bool{}, tried: map[*ast.FunctionExpr]bool{},
	}
	c.standard(opts.Globals)
	c.script(stmts) // learns what later lines assign and expect
	c.problems, c.facts = nil, facts{}
	c.reporting = true
	c.script(stmts)
	c.training()
	return c.found()
}

// A text that is no script at all is not told so ten thousand times, nor
// compared name by name.
const (
	maxProblems = 1000
	maxHints    = 100
	maxText     = 200 // bytes of a line
)

// found sorts the problems.
func (c *checker) found() []Problem {
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return slices.Compact(c.problems)
}

// report notes a problem, unless its line excuses it.
func (c *checker) report(line int, rule Rule, hint, format string, args ...any) {
	if !c.reporting || len(c.problems) >= maxProblems {
		return
	}
	text := ""
	if line >= 1 && line <= len(c.lines) {
		text = strings.TrimRight(c.lines[line-1], " \t\r")
	}
	excused, known := c.excused[line]
	if !known {
		_, comment, _ := strings.Cut(text, "--")
		excused = strings.Contains(comment, "nocheck")
		c.excused[line] = excused
	}
	if !excused {
		c.problems = append(c.problems, Problem{c.source, line, rule, fmt.Sprintf(format, args...), hint, cut(text)})
	}
}

// cut is the beginning of a line that is too long to be shown.
func cut(line string) string {
	if len(line) <= maxText {
		return line
	}
	return strings.ToValidUTF8(line[:maxText], "") + "…"
}

// near is the hint for a name that is not there.
func (c *checker) near(name string, candidates func() []string) string {
	if !c.reporting || c.hints == maxHints {
		return ""
	}
	c.hints++
	if best := runtime.Nearest(name, candidates()); best != "" && best != name {
		return "did you mean " + best + "?"
	}
	return ""
}
