package test

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// fail raises what an assertion found.
func fail(a *luax.Args, format string, args ...any) {
	a.VM().Raise(a.L, runtime.Faultf(CodeCheck, a.Name()+": "+format, args...))
}

func ok(L *lua.LState) int {
	a := luax.Read(L, "ok")
	v := a.Any()
	message := a.OptString("message", "")
	a.End()
	if _, found := luax.To[*tensor.Tensor](v); found {
		a.FailHint("compare its value: t:item(), t:all():item()", "value: a tensor counts as true, whatever its values")
	}
	if !lua.LVAsBool(v) {
		if message != "" {
			message = ": " + message
		}
		fail(&a, "got %s%s", show(v), message)
	}
	return 0
}

func equal(L *lua.LState) int {
	a := luax.Read(L, "equal")
	got, want := a.Any(), a.Any()
	a.End()
	d := &differ{same: func(x, y float64) bool { return x == y || x != x && y != y }}
	d.compare(got, want, "")
	d.fail(&a)
	return 0
}

func near(L *lua.LState) int {
	a := luax.Read(L, "near")
	got, want := a.Any(), a.Any()
	rtol, atol := 1e-5, 1e-8
	if v, ok := a.Peek().(lua.LNumber); ok {
		a.Any()
		rtol, atol = 0, float64(v)
	} else {
		o := a.Options("rtol", "atol")
		rtol, atol = o.Number("rtol", rtol), o.Number("atol", atol)
	}
	a.End()
	if !(rtol >= 0 && atol >= 0) {
		a.Fail("got rtol %g and atol %g, want 0 or more", rtol, atol)
	}
	d := &differ{same: func(x, y float64) bool {
		return x == y || x != x && y != y || math.Abs(x-y) <= atol+rtol*math.Abs(y)
	}}
	d.compare(got, want, "")
	d.fail(&a)
	return 0
}

func raises(L *lua.LState) int {
	a := luax.Read(L, "raises")
	fn := a.Func("fn")
	var message, code string
	if v, ok := a.Peek().(lua.LString); ok {
		a.Any()
		message = string(v)
	} else {
		o := a.Options("message", "code")
		message, code = o.String("message", ""), o.String("code", "")
	}
	a.End()
	vm := a.VM()
	_, err := vm.Call(L, fn)
	if err == nil {
		fail(&a, "nothing was raised")
	}
	if L.Context().Err() != nil {
		vm.Raise(L, err) // the test was stopped
	}
	raised := vm.ErrorValue(L, err)
	if text := vm.Text(L, raised); !strings.Contains(text, message) {
		fail(&a, "message: got %q, want %q in it", text, message)
	}
	if code != "" {
		got := "error"
		if u, ok := raised.(*lua.LUserData); ok {
			got = vm.Text(L, L.GetField(u, "code"))
		}
		if got != code {
			fail(&a, "code: got %q, want %q (%s)", got, code, vm.Text(L, raised))
		}
	}
	L.Push(raised)
	return 1
}

func golden(L *lua.LState) int {
	a := luax.Read(L, "golden")
	name, got := a.String("name"), a.String("text")
	a.End()
	if name == "" || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		a.Fail("name: got %q, want a file name without a path", name)
	}
	s := of(L)
	if s == nil || s.options.Golden == nil {
		a.FailHint("run the file with hudrl test", "there is nothing to compare with here")
	}
	if kept, err := s.options.Golden.Keep(name, got); err != nil {
		a.Fail("%v", err)
	} else if kept {
		return 0
	}
	want, found, err := s.options.Golden.Golden(name)
	switch {
	case err != nil:
		a.Fail("%v", err)
	case !found:
		a.VM().Raise(L, &runtime.Fault{Code: CodeCheck, Message: fmt.Sprintf("golden: there is no %s yet", name), Hint: "hudrl test --update writes it"})
	case got != want:
		f := runtime.Faultf(CodeCheck, "golden: %s: %s", name, text(got, want))
		f.Hint = "hudrl test --update accepts what was got"
		a.VM().Raise(L, f)
	}
	return 0
}

// maxDifferences are shown.
const maxDifferences = 10

// A differ collects where two values differ.
type differ struct {
	same  func(x, y float64) bool
	found []string
	more  int
	seen  map[[2]*lua.LTable]bool
	depth int
}

// maxDepth is how deep tables are compared.
const maxDepth = 200

func (d *differ) fail(a *luax.Args) {
	if len(d.found) == 0 {
		return
	}
	all := d.found
	if d.more > 0 {
		all = append(all, fmt.Sprintf("and %d more", d.more))
	}
	if len(all) == 1 {
		fail(a, "%s", all[0])
	}
	fail(a, "%d differences:\n  %s", len(d.found)+d.more, strings.Join(all, "\n  "))
}

func (d *differ) add(path, format string, args ...any) {
	if len(d.found) == maxDifferences {
		d.more++
		return
	}
	if path != "" {
		path += ": "
	}
	d.found = append(d.found, path+fmt.Sprintf(format, args...))
}

func (d *differ) compare(got, want lua.LValue, path string) {
	switch w := want.(type) {
	case lua.LNumber:
		if g, ok := got.(lua.LNumber); ok {
			if !d.same(float64(g), float64(w)) {
				d.add(path, "got %s, want %s", full(float64(g)), full(float64(w)))
			}
			return
		}
	case lua.LString:
		if g, ok := got.(lua.LString); ok {
			if g != w {
				d.add(path, "%s", text(string(g), string(w)))
			}
			return
		}
	case *lua.LTable:
		if g, ok := got.(*lua.LTable); ok {
			d.tables(g, w, path)
			return
		}
	case *lua.LUserData:
		gt, ok1 := luax.To[*tensor.Tensor](got)
		wt, ok2 := luax.To[*tensor.Tensor](want)
		if ok1 && ok2 {
			d.tensors(gt, wt, path)
			return
		}
	}
	if got != want {
		d.add(path, "got %s, want %s", show(got), show(want))
	}
}

func (d *differ) tables(got, want *lua.LTable, path string) {
	pair := [2]*lua.LTable{got, want}
	if got == want || d.seen[pair] {
		return
	}
	if d.seen == nil {
		d.seen = map[[2]*lua.LTable]bool{}
	}
	d.seen[pair] = true
	if d.depth == maxDepth {
		d.add("", "nested deeper than %d tables", maxDepth)
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	for k, w := want.Next(lua.LNil); k != lua.LNil; k, w = want.Next(k) {
		d.compare(got.RawGet(k), w, step(path, k))
	}
	for k, g := got.Next(lua.LNil); k != lua.LNil; k, g = got.Next(k) {
		if want.RawGet(k) == lua.LNil {
			d.add(step(path, k), "got %s, want nil", show(g))
		}
	}
}

func (d *differ) tensors(got, want *tensor.Tensor, path string) {
	if fmt.Sprint(got.Shape()) != fmt.Sprint(want.Shape()) {
		d.add(path, "shape: got %v, want %v", got.Shape(), want.Shape())
		return
	}
	for _, t := range []*tensor.Tensor{got, want} {
		if err := t.Err(); err != nil {
			d.add(path, "%v", err)
			return
		}
	}
	g, w := got.Data(), want.Data()
	worst, differ := 0, 0
	for i := range g {
		if d.same(float64(g[i]), float64(w[i])) {
			continue
		}
		if differ == 0 || apart(g[i], w[i]) > apart(g[worst], w[worst]) {
			worst = i
		}
		differ++
	}
	if differ > 1 {
		d.add(path+position(got.Shape(), worst), "got %s, want %s: the largest of %d differences in %d values",
			single(g[worst]), single(w[worst]), differ, len(g))
	}
	for i := range g {
		if !d.same(float64(g[i]), float64(w[i])) && (differ == 1 || i != worst) {
			d.add(path+position(got.Shape(), i), "got %s, want %s", single(g[i]), single(w[i]))
		}
	}
}

// single is a tensor's value with as many digits as tell it from its
// neighbours, which are further away than a number's.
func single(x float32) string {
	if x != x {
		return "nan"
	}
	return strconv.FormatFloat(float64(x), 'g', -1, 32)
}

// apart is how far two values are from each other; what is no number is
// farthest.
func apart(x, y float32) float64 {
	if by := math.Abs(float64(x) - float64(y)); by == by {
		return by
	}
	return math.Inf(1)
}

// position is where value i of a tensor stands, as Lua writes it.
func position(shape []int, i int) string {
	if len(shape) == 0 {
		return ""
	}
	at := make([]string, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		at[k] = strconv.Itoa(i%shape[k] + 1)
		i /= shape[k]
	}
	return "[" + strings.Join(at, ", ") + "]"
}

// step is the path to a table's field, as Lua writes it.
func step(path string, key lua.LValue) string {
	if s, ok := key.(lua.LString); ok && identifier(string(s)) {
		return path + "." + string(s)
	}
	return path + "[" + show(key) + "]"
}

func identifier(s string) bool {
	for i, c := range s {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// full is a number with as many digits as tell it from its neighbours.
func full(x float64) string {
	if short := runtime.FormatNumber(x); x != x || len(short) > 0 {
		if back, err := strconv.ParseFloat(short, 64); err == nil && back == x || x != x || math.IsInf(x, 0) {
			return short
		}
	}
	return strconv.FormatFloat(x, 'g', 17, 64)
}

// longest is how much of a value is shown.
const longest = 80

func show(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LNumber:
		return full(float64(v))
	case lua.LString:
		if len(v) > longest {
			return fmt.Sprintf("%q… (%d bytes)", string(v[:longest]), len(v))
		}
		return fmt.Sprintf("%q", string(v))
	case lua.LBool, *lua.LNilType:
		return v.String()
	case *lua.LTable:
		if v.Len() > 0 {
			return fmt.Sprintf("a table of %d", v.Len())
		}
		return "a table"
	}
	if t, ok := luax.To[*tensor.Tensor](v); ok {
		return t.String()
	}
	return "a " + runtime.TypeName(v)
}

// text shows the first line where two texts differ.
func text(got, want string) string {
	if !strings.Contains(got, "\n") && !strings.Contains(want, "\n") {
		return fmt.Sprintf("got %s, want %s", show(lua.LString(got)), show(lua.LString(want)))
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %s, want %s", i+1, show(lua.LString(g[i])), show(lua.LString(w[i])))
		}
	}
	return fmt.Sprintf("got %d lines, want %d: the first %d are the same", len(g), len(w), min(len(g), len(w)))
}
