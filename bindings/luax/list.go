package luax

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// number is what a Lua number may become.
type number interface {
	~int | ~int32 | ~int64 | ~float32 | ~float64
}

// Numbers reads a list of numbers. Whole types refuse fractions and values
// that do not fit, float32 rounds and refuses what would become infinite;
// "want" messages name the position: "tokens[3]: got string,
// want number".
func Numbers[T number](a *Args, param string, t *lua.LTable) []T {
	out := make([]T, t.Len())
	var one T = 1
	whole := one/2 == 0
	for i := range out {
		v := t.RawGetInt(i + 1)
		f, ok := v.(lua.LNumber)
		if !ok {
			a.Fail("%s[%d]: got %s, want number", param, i+1, runtime.TypeName(v))
		}
		x := float64(f)
		out[i] = T(x)
		if whole && (x != math.Trunc(x) || math.Abs(x) > 1<<53 || float64(out[i]) != x) {
			a.Fail("%s[%d]: got %s, want a whole number in range", param, i+1, runtime.FormatNumber(x))
		}
		if math.IsInf(float64(out[i]), 0) && !math.IsInf(x, 0) {
			a.Fail("%s[%d]: got %s, want a number within %s", param, i+1, runtime.FormatNumber(x), runtime.FormatNumber(math.MaxFloat32))
		}
	}
	return out
}

// Strings reads a list of strings.
func Strings(a *Args, param string, t *lua.LTable) []string {
	out := make([]string, t.Len())
	for i := range out {
		v := t.RawGetInt(i + 1)
		s, ok := v.(lua.LString)
		if !ok {
			a.Fail("%s[%d]: got %s, want string", param, i+1, runtime.TypeName(v))
		}
		out[i] = string(s)
	}
	return out
}

// List makes a Lua list of numbers.
func List[T number](vm *runtime.VM, values []T) *lua.LTable {
	t := vm.NewTable(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, lua.LNumber(v))
	}
	return t
}

// StringList makes a Lua list of strings.
func StringList(vm *runtime.VM, values []string) *lua.LTable {
	t := vm.NewTable(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, lua.LString(v))
	}
	return t
}
