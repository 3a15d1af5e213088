package loss

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// lossNames are the losses of data: those of tokens, pairs and answers.
func lossNames() []string { return slices.Concat(loss.Names(), loss.PairNames(), loss.AnswerNames()) }

// none asks for what a loss adds up instead of the sum.
const none = "none"

// configuration is a loss with its options read. What is of the data's size is
// checked when it is used.
type configuration struct {
	loss     loss.BatchLoss
	settings loss.Settings
	parts    bool // aggregate = "none"
	extra    bool // reads datum.extra
	state    *lua.LTable

	sized
}

// configured reads the option table of the loss of that name; parts says
// whether aggregate = "none" is one. What is wrong with it shows here, before
// anything is spent.
func configured(a *luax.Args, name string, parts bool) *configuration {
	if what := loss.Needs(name); what != "" {
		_, err := loss.NewBatchLoss(name, nil)
		a.VM().Raise(a.L, err)
	}
	keys := loss.Options(name)
	row, _ := loss.Find(name, loss.KindTokens, loss.KindPairs, loss.KindAnswers)
	var aggregations []string
	others := []string{"denominator"}
	if row.Kind == loss.KindTokens {
		aggregations = loss.Aggregations()
		others = settingsOf(name, keys)
	}
	if row.State {
		others = append(others, "state")
	}
	if parts {
		aggregations = append(aggregations, none)
	}
	if len(aggregations) > 0 {
		others = append(others, "aggregate")
	}
	o := a.Options(append(slices.Clone(keys), others...)...)
	config := map[string]float64{}
	for _, k := range keys {
		if o.Has(k) {
			config[k] = o.Number(k, 0)
		}
	}
	config, err := bounds(name, keys, o, config)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	l, err := loss.NewBatchLoss(name, config)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	c := &configuration{loss: l, extra: len(row.Extra) > 0}
	if row.State {
		c.state = o.Table("state")
	}
	if row.Kind == loss.KindTokens {
		c.read(a, name, o)
	}
	c.settings.Denominator = positive(a, o, "denominator")
	if len(aggregations) > 0 {
		how := o.OneOf("aggregate", "", aggregations...)
		if c.parts = how == none; c.parts {
			if c.settings.Denominator != 0 || c.settings.MaxLength != 0 || c.settings.PositiveDenominator != 0 {
				a.Fail("aggregate: \"none\" divides by nothing: got a denominator or max_length beside it")
			}
			return c
		}
		c.settings.Aggregate = loss.Aggregation(how)
	}
	if err := l.Check(c.settings); err != nil {
		a.VM().Raise(a.L, err)
	}
	return c
}

// compute pushes the loss of data and its metrics, or what it adds up.
func (c *configuration) compute(a *luax.Args, data *lua.LTable) int {
	b := batchOf(a, data, c.extra)
	s := c.settings
	c.fit(a, b, &s)
	c.restore(a)
	if c.parts {
		out, err := parts(c.loss, b, s)
		if err != nil {
			a.VM().Raise(a.L, err)
		}
		a.L.Push(tensors.Of(a.VM()).Wrap(a.L, out))
		return 1
	}
	out, metrics, err := c.loss.Loss(b, s)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	c.save()
	m, err := a.VM().ToLua(metrics)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	a.L.Push(tensors.Of(a.VM()).Wrap(a.L, out))
	a.L.Push(m)
	return 2
}

// restore makes the loss go on from the table state, where there is one.
func (c *configuration) restore(a *luax.Args) {
	l, ok := c.loss.(*loss.AnswerLoss)
	if !ok || c.state == nil {
		return
	}
	var r loss.Running
	for name, into := range map[string]*float64{"mean": &r.Mean, "count": &r.Count} {
		if v := c.state.RawGetString(name); v != lua.LNil {
			*into = a.AsNumber("state."+name, v)
		}
	}
	if err := l.SetState(r); err != nil {
		a.VM().Raise(a.L, err)
	}
}

// save writes what the loss remembers into the table state.
func (c *configuration) save() {
	if l, ok := c.loss.(*loss.AnswerLoss); ok && c.state != nil {
		c.state.RawSetString("mean", lua.LNumber(l.State().Mean))
		c.state.RawSetString("count", lua.LNumber(l.State().Count))
	}
}

// parts is what a loss adds up: of each token, pair or answer.
func parts(l loss.BatchLoss, b *loss.Batch, s loss.Settings) (*tensor.Tensor, error) {
	switch l := l.(type) {
	case *loss.PairLoss:
		return l.Pairs(b, s)
	case *loss.AnswerLoss:
		return l.Answers(b, s)
	default:
		return l.(*loss.TokenLoss).Tokens(b, s)
	}
}

// aggregate is loss.aggregate(tokens, data, options).
func aggregate(L *lua.LState) int {
	a := luax.Read(L, "aggregate")
	tokens := luax.Object[*tensor.Tensor](&a, "tokens")
	data := a.Table("data")
	o := a.Options("aggregate", "max_length", "denominator")
	a.End()
	s := loss.Settings{Aggregate: loss.Aggregation(o.OneOf("aggregate", "", loss.Aggregations()...)),
		MaxLength: positive(&a, o, "max_length"), Denominator: positive(&a, o, "denominator")}
	if s.Aggregate == "" {
		a.Fail("aggregate: got nil, want one of %s", strings.Join(loss.Aggregations(), ", "))
	}
	out, err := batchOf(&a, data, false).Aggregate(tokens, s)
	if err != nil {
		a.VM().Raise(L, err)
	}
	L.Push(tensors.Of(a.VM()).Wrap(L, out))
	return 1
}

// asCustom is loss.as_custom(name, options): a function to give to
// forward_backward_custom.
func asCustom(L *lua.LState) int {
	a := luax.Read(L, "as_custom")
	name := a.String("name")
	lib := of(a.VM())
	if own := lib.find(name); own != nil {
		L.Push(own.custom(&a))
		return 1
	}
	if !slices.Contains(lossNames(), name) && loss.Needs(name) == "" {
		a.VM().Raise(L, lib.unknown("loss", name))
	}
	c := configured(&a, name, false)
	a.End()
	ready := c.loss.Ready(c.settings)
	n := needs{name: name, reference: c.loss.UsesReference(), ready: func(p *hud.Packed) error {
		plain := *p // whose extras are Lua's
		plain.Extra = scalars(p.Extra)
		return ready(&plain)
	}}
	if _, tokens := c.loss.(*loss.TokenLoss); tokens && !c.extra && c.sized == (sized{}) {
		var err error
		if n.custom, err = loss.AsCustom(name, c.loss.Config(), c.settings); err != nil {
			a.VM().Raise(L, err)
		}
	}
	L.Push(carrying(a.VM(), n, func(L *lua.LState) int {
		a := luax.Read(L, name)
		return c.compute(&a, a.Table("data"))
	}))
	return 1
}

// needs is what a custom loss function needs beside logprobs.
type needs struct {
	name      string
	reference bool
	ready     func(p *hud.Packed) error // finds what a batch lacks for it
	custom    hud.CustomLoss            // what it does, where that needs no Lua; nil elsewhere
}

// carrying is a function that Require finds n in.
func carrying(vm *runtime.VM, n needs, f lua.LGFunction) *lua.LFunction {
	fn := vm.NewFunction(f)
	up := &lua.Upvalue{}
	up.Close()
	up.SetValue(&lua.LUserData{Value: n})
	fn.Upvalues = append(fn.Upvalues, up)
	return fn
}

// carried is what carrying put into fn, or what a function without it needs:
// nothing.
func carried(fn lua.LValue) (n needs) {
	if fn, ok := fn.(*lua.LFunction); ok && fn.IsG && len(fn.Upvalues) == 1 {
		if held, ok := fn.Upvalues[0].Value().(*lua.LUserData); ok {
			n, _ = held.Value.(needs)
		}
	}
	return n
}

// Require raises when fn came from loss.as_custom and needs a reference that
// there is not: before anything is spent on the loss.
func Require(a *luax.Args, fn *lua.LFunction, reference bool) {
	if n := carried(fn); n.reference && !reference {
		a.VM().Raise(a.L, &hud.Error{Op: a.Name(), Code: hud.CodeValidation, Detail: "reference: got nil: " + n.name + " compares with a reference's logprobs",
			Hint: "name a model or a checkpoint as the reference"})
	}
}

// Ready finds what a batch lacks for fn before anything is spent on it, for
// hud.CustomOptions.Check; nil for a function that did not come from
// loss.as_custom.
func Ready(fn *lua.LFunction) func(p *hud.Packed) error { return carried(fn).ready }
