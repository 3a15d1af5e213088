// Package hud is the Lua module hud: the training client, models, rollouts,
// tasks and state. Everything it does is runtime/hud's and runtime/rollout's;
// here arguments are read, results become tables, and the interpreter lock is
// let go while a service works.
package hud

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// Module is the module hud over a service. Its parts are modules that stand
// before it in Config.Modules and are also fields of it: "hud.json" is hud.json.
// The journal, which may be nil, is that of the run: its VM's training calls
// are recorded in it, and when it was continued they go on where they were.
func Module(svc hud.Service, parts []runtime.Module, j *journal.Journal) runtime.Module {
	return runtime.Module{Name: "hud", Open: func(vm *runtime.VM) (lua.LValue, error) { return open(vm, svc, parts, j) }}
}

// A library is the module's state in one VM.
type library struct {
	vm  *runtime.VM
	svc *waiting

	step       int // of the hud.steps loop under way, else 0
	loops      int // hud.steps loops begun
	states     []*state
	past       resumption
	jsonEncode lua.LValue
	jsonDecode lua.LValue
}

func open(vm *runtime.VM, svc hud.Service, parts []runtime.Module, j *journal.Journal) (lua.LValue, error) {
	if svc == nil {
		svc = absent{}
	}
	if j == nil {
		j = journal.Memory()
	}
	l := &library{
		vm: vm, svc: &waiting{vm: vm, svc: svc},
		past: resumption{journal: j, elsewhere: map[string]hud.Service{}},
	}
	luax.CursorsOf(vm).OnSettle(l.resume)
	l.defineTrainer()
	l.defineRollouts()
	l.defineTokenizer()

	functions := runtime.TaskFunctions(vm)
	for name, fn := range map[string]lua.LGFunction{
		"TrainingClient":    l.newTrainer,
		"TrajectorySample":  l.newSample,
		"TrajectoryPayload": l.newPayload,
		"sft":               l.sft,
		"Agent":             l.newAgent,
		"create_agent":      l.newAgent,
		"Taskset":           l.newTaskset,
		"chat":              l.chat,
		"tokenizer":         l.tokenizer,
		"steps":             l.steps,
		"state":             l.state,
	} {
		functions[name] = fn
	}
	module := luax.Module(vm, "hud", functions)
	module.RawSetString("models", luax.Module(vm, "hud.models", l.models()))
	module.RawSetString("Job", luax.Module(vm, "hud.Job", map[string]lua.LGFunction{"start": l.startJob}))
	losses := luax.Module(vm, "hud.BuiltinLoss", nil)
	for _, name := range []string{hud.LossCrossEntropy, hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO, hud.LossDRO} {
		losses.RawSetString(strings.ToUpper(name), lua.LString(name))
	}
	module.RawSetString("BuiltinLoss", losses)
	for _, part := range parts {
		if v := vm.Module(part.Name); v != nil { // nil: withheld
			module.RawSetString(strings.TrimPrefix(part.Name, "hud."), v)
		}
	}
	if json, ok := vm.Module("hud.json").(*lua.LTable); ok {
		l.jsonEncode, l.jsonDecode = json.RawGetString("encode"), json.RawGetString("decode")
	}
	return module, nil
}

// check raises err, if there is one.
func (l *library) check(L *lua.LState, err error) {
	if err != nil {
		l.vm.Raise(L, err)
	}
}

// warn shows a one-sentence warning.
func (l *library) warn(message string) { l.vm.Logger().Warn(message) }
