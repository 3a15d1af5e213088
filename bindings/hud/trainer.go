package hud

import (
	"fmt"
	"io"
	"slices"

	lua "github.com/yuin/gopher-lua"

	lossbind "github.com/hudrl/hudrl/bindings/loss"
	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/hud"
)

// A trainer is a TrainingClient in Lua.
type trainer struct {
	*hud.TrainingClient

	// offsets are those of the forward passes that backward may still name,
	// for weights given as one packed tensor. A step or a head change ends
	// them all.
	offsets map[string][]int
}

func (t *trainer) String() string { return "TrainingClient " + t.Model() }

func (l *library) defineTrainer() {
	luax.Define(l.vm, luax.Class[*trainer]{
		Name: "TrainingClient",
		Methods: map[string]lua.LGFunction{
			"forward_backward":        l.forwardBackward,
			"forward_backward_custom": l.forwardBackwardCustom,
			"forward":                 l.forward,
			"backward":                l.backward,
			"optim_step":              l.optimStep,
			"step":                    l.trainerStep,
			"available_losses":        l.availableLosses,
			"checkpoints": func(L *lua.LState) int {
				a := luax.Read(L, "checkpoints")
				t := luax.Self[*trainer](&a)
				a.End()
				return l.pushCheckpoints(L, t.TrainingClient)
			},
			"head": func(L *lua.LState) int {
				a := luax.Read(L, "head")
				t := luax.Self[*trainer](&a)
				a.End()
				return l.pushHead(L, t.TrainingClient)
			},
			"set_head": l.setHead,
			"recover":  l.recover,
		},
		Get: func(_ *lua.LState, t *trainer, key lua.LValue) (lua.LValue, bool) {
			return lua.LString(t.Model()), key == lua.LString("model")
		},
		Fields: []string{"model"},
	})
}

func (l *library) newTrainer(L *lua.LState) int {
	a := luax.Read(L, "TrainingClient")
	model := a.String("model")
	o := a.Options("api_key", "base_url", "api_url")
	a.End()
	if model == "" {
		a.Fail("model: got an empty name")
	}
	svc, where := l.serviceAt(L, &a, &o)
	client := l.client(svc, model, where)
	L.Push(luax.Wrap(L, &trainer{TrainingClient: client, offsets: map[string][]int{}}))
	return 1
}

// serviceAt is the host's service, or the one at the address, or with the key,
// that a script gives. An address needs a capability. where names it in the
// journal, "" for the host's.
func (l *library) serviceAt(L *lua.LState, a *luax.Args, o *luax.Options) (found hud.Service, where string) {
	at := hud.Address{APIKey: hud.Secret(o.String("api_key", "")), BaseURL: o.String("base_url", ""), APIURL: o.String("api_url", "")}
	if at == (hud.Address{}) {
		return l.svc, ""
	}
	relocator, ok := l.svc.svc.(hud.Relocator)
	for _, option := range []struct{ name, value, address string }{
		{"api_key", string(at.APIKey), ""}, {"base_url", at.BaseURL, at.BaseURL}, {"api_url", at.APIURL, at.APIURL},
	} {
		if option.value == "" {
			continue
		}
		if !ok {
			a.FailHint("leave it out: the host chose the service", "%s: this service is not reached over the network", option.name)
		}
		if option.address == "" {
			continue
		}
		host, err := hud.HostPort(option.address)
		if err != nil {
			a.Fail("%s: %v", option.name, err)
		}
		if !slices.Contains(l.vm.Capabilities().Hosts, host) {
			a.FailHint("--allow-net "+host+" allows it; a host program sets Capabilities.Hosts", "%s: this script may not reach %s", option.name, host)
		}
	}
	svc, err := relocator.At(at)
	l.check(L, err)
	if closer, ok := svc.(io.Closer); ok {
		l.vm.OnClose(func() { closer.Close() })
	}
	where = placeOf(at)
	l.past.elsewhere[where] = &waiting{vm: l.vm, svc: svc}
	return l.past.elsewhere[where], where
}

var passOptions = []string{"loss_fn", "loss_fn_config", "group_size", "reward_scale", "num_substeps"}

// passOptionsOf reads the options of forward_backward.
func passOptionsOf(a *luax.Args, o *luax.Options) hud.ForwardBackwardOptions {
	out := hud.ForwardBackwardOptions{
		LossFn:      o.String("loss_fn", ""),
		GroupSize:   optInt(o, "group_size"),
		RewardScale: optNumber(o, "reward_scale"),
		NumSubsteps: optInt(o, "num_substeps"),
	}
	if o.Has("loss_fn") && out.LossFn == "" {
		a.Fail("loss_fn: got an empty name")
	}
	if t := o.Table("loss_fn_config"); t != nil {
		out.LossFnConfig = map[string]float64{}
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			key := a.AsString("loss_fn_config: a name", k)
			out.LossFnConfig[key] = a.AsNumber("loss_fn_config."+key, v)
		}
	}
	return out
}

// optInt is a whole-number option, nil when not given.
func optInt(o *luax.Options, name string) *int {
	if !o.Has(name) {
		return nil
	}
	return new(o.NeedInt(name))
}

// optNumber is a number option, nil when not given.
func optNumber(o *luax.Options, name string) *float64 {
	if !o.Has(name) {
		return nil
	}
	return new(o.NeedNumber(name))
}

func (l *library) forwardBackward(L *lua.LState) int {
	a := luax.Read(L, "forward_backward")
	t := luax.Self[*trainer](&a)
	_, batch := l.batch(&a)
	o := a.Options(passOptions...)
	options := passOptionsOf(&a, &o)
	a.End()
	l.ready(L, t)
	res, err := t.ForwardBackward(callContext(l.vm, L), batch, options)
	l.check(L, err)
	L.Push(l.passTable(res))
	return 1
}

func (l *library) passTable(res *hud.ForwardBackwardResult) *lua.LTable {
	t := l.vm.NewTable(0, 2)
	t.RawSetString("metrics", l.metricsTable(res.Metrics))
	t.RawSetString("num_datums", lua.LNumber(res.NumDatums))
	return luax.Record(l.vm, "ForwardBackwardResult", t, func(L *lua.LState, t *lua.LTable) string {
		text := "forward_backward: " + l.vm.Text(L, t.RawGetString("num_datums")) + " datums"
		if m, ok := t.RawGetString("metrics").(*lua.LTable); ok {
			for k, v := m.Next(lua.LNil); k != lua.LNil; k, v = m.Next(k) { // in order, which ForEach is not
				text += fmt.Sprintf(", %s %s", l.vm.Text(L, k), l.vm.Text(L, v))
			}
		}
		return text
	})
}

func (l *library) forwardBackwardCustom(L *lua.LState) int {
	a := luax.Read(L, "forward_backward_custom")
	t := luax.Self[*trainer](&a)
	table, batch := l.batch(&a)
	fn := a.Func("loss")
	o := a.Options("group_size", "reward_scale", "reference")
	options := hud.CustomOptions{
		GroupSize: optInt(&o, "group_size"), RewardScale: optNumber(&o, "reward_scale"), Reference: o.String("reference", ""),
	}
	a.End()
	lossbind.Require(&a, fn, options.Reference != "")
	options.Check = lossbind.Ready(fn)
	l.ready(L, t)
	res, err := t.ForwardBackwardCustom(callContext(l.vm, L), batch, lossbind.Custom(l.vm, L, fn, table), options)
	l.check(L, err)
	L.Push(l.passTable(res))
	return 1
}

func (l *library) forward(L *lua.LState) int {
	a := luax.Read(L, "forward")
	t := luax.Self[*trainer](&a)
	table, batch := l.batch(&a)
	o := a.Options("group_size", "reward_scale")
	options := hud.ForwardOptions{GroupSize: optInt(&o, "group_size"), RewardScale: optNumber(&o, "reward_scale")}
	a.End()
	res, err := t.Forward(callContext(l.vm, L), batch, options)
	l.check(L, err)
	data, err := lossbind.Data(l.vm, L, res.Data, table)
	l.check(L, err)
	t.offsets[res.ForwardID] = res.Data.Offsets
	out := l.vm.NewTable(0, 2)
	out.RawSetString("forward_id", lua.LString(res.ForwardID))
	out.RawSetString("data", data)
	L.Push(luax.Record(l.vm, "ForwardResult", out, func(L *lua.LState, t *lua.LTable) string {
		return fmt.Sprintf("forward %s: %d datums", l.vm.Text(L, t.RawGetString("forward_id")), length(t, "data"))
	}))
	return 1
}

func (l *library) backward(L *lua.LState) int {
	a := luax.Read(L, "backward")
	t := luax.Self[*trainer](&a)
	id := a.String("forward_id")
	weights := lossbind.Weights(&a, "weights", a.Any(), t.offsets[id])
	o := a.Options("metrics")
	a.End()
	metrics, err := lossbind.Metrics("backward", o.Value("metrics"))
	l.check(L, err)
	l.ready(L, t)
	res, err := t.Backward(callContext(l.vm, L), id, weights, metrics)
	l.check(L, err)
	delete(t.offsets, id)
	L.Push(l.passTable(res))
	return 1
}

func (l *library) optimStep(L *lua.LState) int {
	a := luax.Read(L, "optim_step")
	t := luax.Self[*trainer](&a)
	o := a.Options("learning_rate", "beta1", "beta2", "eps", "weight_decay")
	options := hud.OptimStepOptions{
		LearningRate: o.NeedNumber("learning_rate"),
		Beta1:        optNumber(&o, "beta1"), Beta2: optNumber(&o, "beta2"), Eps: optNumber(&o, "eps"),
		WeightDecay: o.Number("weight_decay", 0),
	}
	a.End()
	l.ready(L, t)
	options.State, options.Cursors = l.saved(L), l.cursors(L)
	res, err := t.OptimStep(callContext(l.vm, L), options)
	l.check(L, err)
	clear(t.offsets)
	L.Push(l.stepTable(res))
	return 1
}

func (l *library) trainerStep(L *lua.LState) int {
	a := luax.Read(L, "step")
	t := luax.Self[*trainer](&a)
	_, batch := l.batch(&a)
	o := a.Options(append([]string{"learning_rate", "weight_decay"}, passOptions...)...)
	options := hud.StepOptions{
		LearningRate:           o.NeedNumber("learning_rate"),
		WeightDecay:            o.Number("weight_decay", 0),
		ForwardBackwardOptions: passOptionsOf(&a, &o),
	}
	a.End()
	l.ready(L, t)
	options.State, options.Cursors = l.saved(L), l.cursors(L)
	res, err := t.Step(callContext(l.vm, L), batch, options)
	l.check(L, err)
	clear(t.offsets)
	out := l.stepTable(&res.OptimStepResult)
	out.RawSetString("forward_backward", l.passTable(res.ForwardBackward))
	L.Push(out)
	return 1
}

func (l *library) stepTable(res *hud.OptimStepResult) *lua.LTable {
	t := l.vm.NewTable(0, 6)
	t.RawSetString("step", lua.LNumber(res.Step))
	t.RawSetString("checkpoint_id", lua.LString(res.CheckpointID))
	t.RawSetString("sampler_path", lua.LString(res.SamplerPath))
	t.RawSetString("state_path", lua.LString(res.StatePath))
	t.RawSetString("model", lua.LString(res.Model))
	return luax.Record(l.vm, "OptimStepResult", t, func(L *lua.LState, t *lua.LTable) string {
		return fmt.Sprintf("step %s of %s, checkpoint %s", l.vm.Text(L, t.RawGetString("step")),
			l.vm.Text(L, t.RawGetString("model")), l.vm.Text(L, t.RawGetString("checkpoint_id")))
	})
}

func (l *library) availableLosses(L *lua.LState) int {
	a := luax.Read(L, "available_losses")
	t := luax.Self[*trainer](&a)
	a.End()
	names, err := t.AvailableLosses(callContext(l.vm, L))
	l.check(L, err)
	L.Push(luax.StringList(l.vm, names))
	return 1
}

func (l *library) setHead(L *lua.LState) int {
	a := luax.Read(L, "set_head")
	t := luax.Self[*trainer](&a)
	id := a.String("checkpoint_id")
	a.End()
	l.check(L, t.SetHead(callContext(l.vm, L), id))
	clear(t.offsets)
	return 0
}
