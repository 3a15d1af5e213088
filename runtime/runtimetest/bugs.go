package runtimetest

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// ReportingPcall is Lua that shows the module of HostBugs what a program
// catches: a host bug must not be lost there.
const ReportingPcall = `
local caught, report = pcall, require "report"
function pcall(...) return report(caught(...)) end
`

// HostBugs is a module that collects the host bugs among what was caught.
func HostBugs(bugs *[]error) runtime.Module {
	return runtime.Module{Name: "report", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			if v, err := runtime.ToGo(L.Get(2)); err == nil && L.Get(1) == lua.LFalse {
				if err, ok := v.(error); ok && errors.Is(err, runtime.ErrHostBug) {
					*bugs = append(*bugs, fmt.Errorf("%w\n%v", err, L.GetField(L.Get(2), "traceback")))
				}
			}
			return L.GetTop()
		}), nil
	}}
}
