package runtime

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// A Chunk is compiled source. It is read-only: any number of Runtimes may run
// it at once.
type Chunk struct {
	name  string
	src   string
	proto *lua.FunctionProto
}

// Name is the name given to Compile.
func (c *Chunk) Name() string { return c.name }

// Compile compiles src, at most 1 MiB of it. The name stands in error
// messages. The error is an [*Error]; it wraps ErrIncomplete when src ends in
// the middle of a statement.
func Compile(name, src string) (*Chunk, error) {
	return compile(name, src, defaultSourceBytes)
}

// Compile is [Compile] of a text as long as SourceBytes allows.
func (l Limits) Compile(name, src string) (*Chunk, error) {
	most := l.SourceBytes
	if err := resolveLimit("SourceBytes", &most, defaultSourceBytes); err != nil {
		return nil, err
	}
	return compile(name, src, most)
}

func compile(name, src string, maxBytes int) (*Chunk, error) {
	return compileWith(name, src, maxBytes, nil)
}

// compileWith is compile with a change to the tree before anything else.
func compileWith(name, src string, maxBytes int, change func([]ast.Stmt) []ast.Stmt) (*Chunk, error) {
	if len(src) > maxBytes {
		limit := newLimit(ErrSize, "source size", fmt.Sprintf("%d bytes", len(src)), fmt.Sprintf("%d bytes", maxBytes), "--max-source or Limits.SourceBytes, or load data as JSON")
		return nil, &Error{Message: limit.Error(), Source: name, Line: 1, Code: CodeLimit, Hint: limit.ErrorHint(), Err: limit}
	}
	src = strings.TrimPrefix(src, "\ufeff")
	if strings.HasPrefix(src, "#!") { // a line for the shell; its newline stays, so that lines keep their numbers
		if i := strings.IndexByte(src, '\n'); i >= 0 {
			src = src[i:]
		} else {
			src = ""
		}
	}
	if strings.HasPrefix(src, "\x1b") {
		return nil, syntaxError(name, src, 1, "bytecode is refused: compile from source", "")
	}
	if e := checkSource(name, src); e != nil {
		return nil, e
	}
	stmts, err := parse.Parse(strings.NewReader(src), name)
	if err != nil {
		return nil, parseError(name, src, err)
	}
	if change != nil {
		stmts = change(stmts)
	}
	stmts, e := rewriteTree(name, src, stmts)
	if e != nil {
		return nil, e
	}
	proto, err := lua.Compile(stmts, name)
	if err != nil {
		return nil, compileError(name, src, err)
	}
	if bad := finishBytecode(proto); bad != nil {
		return nil, syntaxError(name, src, max(bad.LineDefined, 1), fmt.Sprintf("a function uses more than %d locals of the functions around it", maxUpvalues), "use a table")
	}
	endWithin(proto, strings.Count(strings.TrimRight(src, " \t\r\n"), "\n")+1)
	return &Chunk{name: name, src: src, proto: proto}, nil
}

// endWithin puts the implicit return of functions that end on the last line on
// that line: gopher-lua has it on the one after.
func endWithin(proto *lua.FunctionProto, last int) {
	if n := len(proto.DbgSourcePositions); n > 0 {
		proto.DbgSourcePositions[n-1] = min(proto.DbgSourcePositions[n-1], last)
	}
	for _, p := range proto.FunctionPrototypes {
		endWithin(p, last)
	}
}

// longSource is where compiling begins to take milliseconds.
const longSource = 32 << 10

// compileStoppable compiles for a script. The parser and the compiler cannot be
// stopped: when the task is, they are left to end by themselves, which the
// bounds on source make soon.
func (vm *VM) compileStoppable(L *lua.LState, name, src string) (*Chunk, error) {
	max := vm.cfg.Limits.SourceBytes
	if len(src) < longSource || len(src) > max {
		return compile(name, src, max)
	}
	type result struct {
		chunk *Chunk
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- result{err: &hostBug{value: r, stack: string(debug.Stack())}}
			}
		}()
		c, err := compile(name, src, max)
		done <- result{c, err}
	}()
	ctx := vm.Context(L)
	select {
	case r := <-done:
		return r.chunk, r.err
	case <-ctx.Done():
		vm.Raise(L, causeOf(ctx))
		return nil, nil
	}
}

func syntaxError(name, src string, line int, message, hint string) *Error {
	return &Error{Message: message, Source: name, Line: line, Text: lineOf(src, line), Hint: hint, Code: CodeValidation, Err: errSyntax}
}

// errSyntax is behind every error of Compile that is no limit.
var errSyntax = errors.New("syntax error")

// incomplete says that the text ends too early.
var errIncompleteSyntax = fmt.Errorf("%w: %w", errSyntax, ErrIncomplete)

func parseError(name, src string, err error) *Error {
	var pe *parse.Error
	if !errors.As(err, &pe) {
		return syntaxError(name, src, 1, strings.TrimSpace(err.Error()), "")
	}
	if pe.Pos.Line == parse.EOF {
		last := strings.Count(src, "\n") + 1
		hint := "an end, a bracket or a quote is missing"
		if pe.Message == "parse error" { // after what could begin an assignment or a call
			hint = "a value alone is no statement: assign it to something, or call it"
		}
		text := strings.TrimRight(src, " \t\r\n")
		if other := syntaxHint(text[strings.LastIndexByte(text, '\n')+1:]); other != "" {
			hint = other
		}
		message := "the text ends too early"
		if !strings.HasSuffix(pe.Message, "error") { // "unterminated string"
			message += ": " + pe.Message
		}
		e := syntaxError(name, src, last, message, hint)
		e.Err = errIncompleteSyntax
		return e
	}
	message := strings.Replace(pe.Message, "parse error", "syntax error", 1)
	if strings.HasPrefix(message, "Invalid ") {
		message = "unexpected character"
	}
	if pe.Token != "" {
		message = fmt.Sprintf("%s near %q", message, pe.Token)
	}
	e := syntaxError(name, src, pe.Pos.Line, message, "")
	if e.Hint = syntaxHint(e.Text); e.Hint == "" && pe.Pos.Line > 1 {
		e.Hint = hintBefore(lineOf(src, pe.Pos.Line-1))
	}
	return e
}

var jumpLine = regexp.MustCompile(`^no visible label (.+) for <goto> at line (\d+)$`)

func compileError(name, src string, err error) *Error {
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		hint := ""
		if m := jumpLine.FindStringSubmatch(ce.Message); m != nil { // the line is else that of the function's end
			line, _ := strconv.Atoi(m[2])
			return syntaxError(name, src, line, "goto: no visible label "+m[1], "a label is written ::name::, in the same block or one around it")
		}
		if strings.Contains(ce.Message, "local variables") || strings.Contains(ce.Message, "register overflow") {
			hint = "a function has at most 200 locals and temporaries: split it, or use a table"
		}
		return syntaxError(name, src, max(ce.Line, 1), ce.Message, hint)
	}
	return syntaxError(name, src, 1, err.Error(), "")
}

// lineOf is the given line of src, counted from 1.
func lineOf(src string, line int) string {
	for ; line > 1; line-- {
		i := strings.IndexByte(src, '\n')
		if i < 0 {
			return ""
		}
		src = src[i+1:]
	}
	if i := strings.IndexByte(src, '\n'); i >= 0 {
		src = src[:i]
	}
	return strings.TrimRight(src, " \t\r")
}

// evalName is the name of what a person types.
const evalName = "stdin"

// Incomplete reports whether src, typed at a prompt, needs more lines.
func Incomplete(src string) bool {
	_, err := compileEval(src, defaultSourceBytes)
	return errors.Is(err, ErrIncomplete)
}

// compileEval compiles what a person typed: an expression if it is one, else
// statements. Its locals become globals, so that the next line still has them.
func compileEval(src string, maxBytes int) (*Chunk, error) {
	// The return goes on the expression's own line: lines keep their numbers.
	c, asExpr := compileWith(evalName, "return "+src, maxBytes, nil)
	if asExpr == nil {
		c.src = src
		return c, nil
	}
	c, err := compileWith(evalName, src, maxBytes, keepLocals)
	var e *Error
	if err != nil && errors.Is(asExpr, ErrIncomplete) && errors.As(asExpr, &e) {
		e.Text = lineOf(src, e.Line)
		return nil, e
	}
	return c, err
}

// keepLocals makes assignments to globals of the outermost local statements.
func keepLocals(stmts []ast.Stmt) []ast.Stmt {
	for i, s := range stmts {
		local, ok := s.(*ast.LocalAssignStmt)
		if !ok {
			continue
		}
		set := &ast.AssignStmt{Rhs: local.Exprs}
		at(set, local)
		for _, name := range local.Names {
			id := &ast.IdentExpr{Value: name}
			at(id, local)
			set.Lhs = append(set.Lhs, id)
		}
		if len(set.Rhs) == 0 {
			none := &ast.NilExpr{}
			at(none, local)
			set.Rhs = []ast.Expr{none}
		}
		stmts[i] = set
	}
	return stmts
}

// keptEvals and keptBytes bound the source texts kept for the messages of
// chunks that load and loadstring make.
const (
	keptEvals = 256
	keptBytes = 4 << 20
)

// load makes a function of c in vm and keeps its text for error messages.
func (vm *VM) load(c *Chunk) *lua.LFunction {
	old, known := vm.sources[c.name]
	if known {
		vm.evalBytes -= len(*old)
	} else {
		vm.evals = append(vm.evals, c.name)
	}
	src := c.src // a pointer into the chunk would keep its code, too
	vm.sources[c.name] = &src
	vm.evalBytes += len(src)
	for len(vm.evals) > 1 && (len(vm.evals) > keptEvals || vm.evalBytes > keptBytes) {
		first := vm.evals[0]
		vm.evals = vm.evals[1:]
		vm.evalBytes -= len(*vm.sources[first])
		delete(vm.sources, first)
	}
	return vm.root.NewFunctionFromProto(c.proto)
}
