package runtime

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// errorObject is what a Go error looks like from Lua: a userdata with the
// fields code, message, hint, status, source, line and traceback.
type errorObject struct {
	err       error
	message   string
	code      string
	hint      string
	status    int
	source    string
	line      int
	traceback string
}

// ErrorValue is the error object of err, with the position at which L is now.
// An err that came out of Lua (from [VM.Call], say) gives the value that was
// raised there, so that it stays the same object.
func (vm *VM) ErrorValue(L *lua.LState, err error) lua.LValue {
	if e, ok := err.(*Error); ok {
		if e.raw != nil && e.vm == vm {
			return e.raw
		}
		return vm.errorUserdata(&errorObject{err: e, message: e.Message, code: e.Code, hint: e.Hint,
			source: e.Source, line: e.Line, traceback: e.Traceback})
	}
	o := &errorObject{
		err:     err,
		message: err.Error(),
		code:    errorCode(err),
		hint:    errorHint(err),
		status:  errorStatus(err),
	}
	o.source, o.line = position(L)
	o.traceback = traceback(L)
	var d *deadlock
	if errors.As(err, &d) {
		o.traceback += d.waits
	}
	return vm.errorUserdata(o)
}

func (vm *VM) errorUserdata(o *errorObject) lua.LValue {
	return &lua.LUserData{Value: o, Env: vm.root.Env, Metatable: vm.errorMeta}
}

// Raise raises err in L as an error object and does not return. errors.Is and
// errors.As find err in what comes out of Run, also after pcall and rethrow.
func (vm *VM) Raise(L *lua.LState, err error) {
	L.Error(vm.ErrorValue(L, err), 0)
}

// wrapped is the error of e:wrap.
type wrapped struct {
	message string
	depth   int
	err     error
}

func (w *wrapped) Error() string { return w.message }
func (w *wrapped) Unwrap() error { return w.err }

// maxWraps bounds how long a chain errors.Is and errors.As have to walk.
const maxWraps = 1_000

// newErrorMeta makes the metatable of error objects.
func (vm *VM) newErrorMeta() *lua.LTable {
	wrap := vm.NewFunction(func(L *lua.LState) int {
		o := checkErrorObject(L, "wrap")
		text, ok := L.Get(2).(lua.LString)
		if !ok {
			vm.Raise(L, Faultf(CodeValidation, "wrap: context: got %s, want string", typeName(L.Get(2))))
		}
		vm.CheckString(L, len(text)+2+len(o.message))
		depth := 1
		if inner, ok := o.err.(*wrapped); ok {
			depth = inner.depth + 1
		}
		if depth > maxWraps {
			vm.Raise(L, Faultf(CodeLimit, "wrap: the error is wrapped %d times already", maxWraps))
		}
		w := *o
		w.message = string(text) + ": " + o.message
		w.err = &wrapped{w.message, depth, o.err}
		L.Push(vm.errorUserdata(&w))
		return 1
	})
	mt := vm.NewTable(0, 10)
	mt.RawSetString("__metatable", lua.LString("error"))
	mt.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		o := checkErrorObject(L, "error")
		key, _ := L.Get(2).(lua.LString)
		var v lua.LValue = lua.LNil
		switch key {
		case "wrap":
			v = wrap
		case "code":
			v = lua.LString(o.code)
		case "message":
			v = lua.LString(o.message)
		case "hint":
			v = optString(o.hint)
		case "status":
			if o.status != 0 {
				v = lua.LNumber(o.status)
			}
		case "source":
			v = optString(o.source)
		case "line":
			if o.line != 0 {
				v = lua.LNumber(o.line)
			}
		case "traceback":
			v = lua.LString(o.traceback)
		case "find", "match", "gsub": // what scripts do with an error's text
			v = vm.methods.RawGetString(string(key))
		}
		L.Push(v)
		return 1
	}))
	mt.RawSetString("__newindex", vm.NewFunction(func(L *lua.LState) int {
		vm.Raise(L, Faultf(CodeValidation, "error: an error object is read-only: got an assignment to %s", display(L.Get(2))))
		return 0
	}))
	mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(checkErrorObject(L, "tostring").message))
		return 1
	}))
	mt.RawSetString("__concat", vm.NewFunction(func(L *lua.LState) int {
		var b strings.Builder
		for i := 1; i <= 2; i++ {
			switch v := L.Get(i).(type) {
			case lua.LString:
				b.WriteString(string(v))
			case lua.LNumber:
				b.WriteString(formatNumber(float64(v)))
			case *lua.LUserData:
				o, ok := v.Value.(*errorObject)
				if !ok {
					L.RaiseError("attempt to concatenate a userdata value")
				}
				b.WriteString(o.message)
			default:
				L.RaiseError("attempt to concatenate a %s value", v.Type())
			}
		}
		L.Push(vm.str(L, b.String()))
		return 1
	}))
	return mt
}

func checkErrorObject(L *lua.LState, name string) *errorObject {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*errorObject); ok {
			return o
		}
	}
	VMOf(L).Raise(L, Faultf(CodeValidation, "%s: self: got %s, want error", name, typeName(L.Get(1))))
	return nil
}

func optString(s string) lua.LValue {
	if s == "" {
		return lua.LNil
	}
	return lua.LString(s)
}

// typeName names a value's type for a message; userdata say what they are.
func typeName(v lua.LValue) string {
	if ud, ok := v.(*lua.LUserData); ok {
		if mt, ok := ud.Metatable.(*lua.LTable); ok {
			if name, ok := mt.RawGetString("__name").(lua.LString); ok {
				return string(name)
			}
		}
		if _, ok := ud.Value.(*errorObject); ok {
			return "error"
		}
	}
	return v.Type().String()
}

// TypeName names a Lua value's type for a message: "table", "number", and the
// class name of a userdata that has one.
func TypeName(v lua.LValue) string { return typeName(v) }

// position is the innermost Lua line that L, or whoever called it, is at.
func position(L *lua.LState) (source string, line int) {
	for ; L != nil; L = gateOf(L).caller {
		for level := 0; ; level++ {
			dbg, ok := L.GetStack(level)
			if !ok {
				break
			}
			if _, err := L.GetInfo("Sl", dbg, lua.LNil); err == nil && dbg.Source != "" && dbg.CurrentLine > 0 {
				return dbg.Source, dbg.CurrentLine
			}
		}
	}
	return "", 0
}

// traceLines is how many calls a traceback shows.
const traceLines = 24

// traceback lists the Lua calls of L and of those that called it, innermost
// first, one a line.
func traceback(L *lua.LState) string {
	var lines []string
	for ; L != nil && len(lines) <= traceLines; L = gateOf(L).caller {
		lines = threadTrace(L, lines)
	}
	return cutTrace(lines)
}

// threadTrace adds the calls of one thread.
func threadTrace(L *lua.LState, lines []string) []string {
	g := gateOf(L)
	var dbg *lua.Debug
	for level := 0; len(lines) <= traceLines; level += 1 + tailCalls(L, dbg) {
		var ok bool
		if dbg, ok = L.GetStack(level); !ok {
			break
		}
		if _, err := L.GetInfo("Sln", dbg, lua.LNil); err != nil || dbg.Source == "" || dbg.CurrentLine <= 0 {
			continue
		}
		name := "function " + strings.Trim(dbg.Name, "'")
		switch {
		case dbg.LineDefined == 0:
			name = "main chunk"
		case dbg.Name == "main chunk" && g.co != nil && g.co.thread == L, dbg.Name == "corountine": // as gopher-lua spells it
			name = "coroutine"
		case dbg.Name == "main chunk":
			name = fmt.Sprintf("function <%s:%d>", dbg.Source, dbg.LineDefined)
		}
		lines = append(lines, fmt.Sprintf("%s:%d: in %s", dbg.Source, dbg.CurrentLine, name))
	}
	return lines
}

// cutTrace joins the lines of a traceback, not too many of them.
func cutTrace(lines []string) string {
	if len(lines) > traceLines {
		lines = append(lines[:traceLines:traceLines], "...")
	}
	return strings.Join(lines, "\n")
}

// failure turns what a protected call in g's thread returned into an Error.
// A stop of the task outranks whatever the script made of it.
func (vm *VM) failure(g *gate, err error) error {
	return vm.failureIn(g.Context.Err() != nil, g, err)
}

func (vm *VM) failureIn(stopped bool, g *gate, err error) error {
	e := &Error{Code: CodeError}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		if already, ok := err.(*Error); ok {
			return already
		}
		e.Message, e.Err, e.Code, e.Hint = err.Error(), err, errorCode(err), errorHint(err)
		return e
	}
	e.raw, e.vm = api.Object, vm
	e.Source, e.Line = traceTop(api.StackTrace)
	e.Traceback = cleanTrace(api.StackTrace)
	if g.caller != nil {
		if e.Source == "" {
			e.Source, e.Line = position(g.caller)
		}
		e.Traceback = cutTrace(append(splitTrace(e.Traceback), splitTrace(traceback(g.caller))...))
	}

	if stopped {
		cause := causeOf(g.Context)
		e.Err, e.Message = cause, stopMessage(cause)
		e.Code, e.Hint = errorCode(cause), errorHint(cause)
		e.raw = nil
		e.Text = vm.sourceLine(e.Source, e.Line)
		return e
	}

	object := api.Object
	if api.Type == lua.ApiErrorPanic {
		object = vm.errorUserdata(vm.panicObject(object.String(), api.StackTrace))
		e.raw = object
	}
	switch v := object.(type) {
	case *lua.LUserData:
		o, ok := v.Value.(*errorObject)
		if !ok {
			e.Message, e.Value = "an error value of type "+typeName(v)+" was raised", v.Value
			break
		}
		e.Err, e.Message, e.Code, e.Hint, e.Value = o.err, o.message, o.code, o.hint, o.err
		if o.source != "" {
			e.Source, e.Line, e.Traceback = o.source, o.line, o.traceback
		}
		var bug *hostBug
		if errors.As(o.err, &bug) {
			e.Traceback += "\n" + bug.stack
		}
	case lua.LString:
		e.Message, e.Value = string(v), string(v)
		if source, line, rest, ok := vm.splitPosition(string(v)); ok {
			e.Source, e.Line, e.Message = source, line, rest
		}
		e.Message = explained(e.Message)
	case *lua.LTable:
		e.Message = "an error value of type table was raised"
		if m, ok := v.RawGetString("message").(lua.LString); ok {
			e.Message = string(m)
		}
		e.Value, _ = toGoAtMost(v, maxRaised)
	default:
		e.Message = v.String()
		e.Value, _ = toGoAtMost(v, maxRaised)
	}
	e.Text = vm.sourceLine(e.Source, e.Line)
	if e.Hint == "" {
		e.Hint = runHint(e.Message, e.Text)
	}
	return e
}

// maxRaised values of a table that was raised reach Go.
const maxRaised = 10_000

// panicObject tells a host bug from gopher-lua's own panics.
func (vm *VM) panicObject(text, stack string) *errorObject {
	var err error
	if strings.Contains(text, stackOverflow) {
		err = vm.depthError()
	} else if text == registryOverflow {
		err = valuesError()
	} else {
		err = &hostBug{value: text, stack: stack}
	}
	o := &errorObject{err: err, message: err.Error(), code: errorCode(err), hint: errorHint(err)}
	if i := strings.LastIndex(stack, "stack traceback:"); i >= 0 {
		stack = stack[i:]
	}
	o.source, o.line = traceTop(stack)
	o.traceback = cleanTrace(stack)
	return o
}

// valuesError is raised where one thread would hold too many values at once.
func valuesError() error {
	return newLimit(ErrSize, "values on the stack", fmt.Sprintf("more than %d", registryMax), registryMax, "nothing: pass tables in place of so many arguments and results")
}

func (vm *VM) depthError() error {
	d := vm.cfg.Limits.CallDepth
	return newLimit(ErrDepth, "call depth", d+1, d, "--max-depth or Limits.CallDepth (at most 4,000), or recurse less deeply")
}
