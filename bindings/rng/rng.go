// Package rng is hud.rng: named random streams.
package rng

import (
	"encoding/json"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/rng"
)

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	luax.Define(vm, luax.Class[*rng.Stream]{
		Name: "Stream",
		Methods: map[string]lua.LGFunction{
			"int": drawInt, "float": float, "normal": normal, "choice": choice, "shuffle": shuffle, "save": save,
		},
	})
	return luax.Module(vm, "hud.rng", map[string]lua.LGFunction{
		"stream": func(L *lua.LState) int {
			a := luax.Read(L, "stream")
			s := rng.New(seed(&a))
			luax.AddCursor(a.VM(), strconv.FormatUint(s.Seed(), 16), s)
			L.Push(luax.Wrap(L, s))
			return 1
		},
		"derive": func(L *lua.LState) int {
			a := luax.Read(L, "derive")
			L.Push(lua.LNumber(seed(&a) >> 11)) // the 53 bits that a Lua number holds
			return 1
		},
		"restore": func(L *lua.LState) int {
			a := luax.Read(L, "restore")
			text := a.String("state")
			a.End()
			var s rng.Stream
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				a.Fail("state: %s", err)
			}
			L.Push(luax.Wrap(L, &s))
			return 1
		},
	}), nil
}

// seed is the seed that the call's arguments name, from the run's. Each name
// is preceded by its kind, so that 1 and "1" are different names.
func seed(a *luax.Args) uint64 {
	if a.Left() == 0 {
		a.Fail("got no name, want strings or whole numbers")
	}
	path := []uint64{rng.Hash("hud.rng")}
	for _, v := range a.Rest() {
		switch v := v.(type) {
		case lua.LString:
			path = append(path, 1, rng.Hash(string(v)))
		case lua.LNumber:
			f := float64(v)
			if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				a.Fail("name: got %s, want a string or a whole number", runtime.FormatNumber(f))
			}
			path = append(path, 2, uint64(int64(f)))
		default:
			a.Bad("name", v, "a string or a whole number")
		}
	}
	return rng.Derive(uint64(a.VM().Seed()), path...)
}

func drawInt(L *lua.LState) int {
	a := luax.Read(L, "int")
	s := luax.Self[*rng.Stream](&a)
	lo, hi := a.Int("lo"), a.Int("hi")
	a.End()
	v, err := s.Int(int64(lo), int64(hi))
	if err != nil {
		a.VM().Raise(L, runtime.Faultf(runtime.CodeValidation, "%w", err))
	}
	L.Push(lua.LNumber(v))
	return 1
}

func float(L *lua.LState) int {
	a := luax.Read(L, "float")
	s := luax.Self[*rng.Stream](&a)
	a.End()
	L.Push(lua.LNumber(s.Float()))
	return 1
}

func normal(L *lua.LState) int {
	a := luax.Read(L, "normal")
	s := luax.Self[*rng.Stream](&a)
	a.End()
	L.Push(lua.LNumber(s.Norm()))
	return 1
}

func choice(L *lua.LState) int {
	a := luax.Read(L, "choice")
	s := luax.Self[*rng.Stream](&a)
	list := a.Table("list")
	a.End()
	i, err := s.Int(1, int64(list.Len()))
	if err != nil {
		a.Fail("list: got an empty list, want at least one value")
	}
	L.Push(list.RawGetInt(int(i)))
	return 1
}

func shuffle(L *lua.LState) int {
	a := luax.Read(L, "shuffle")
	s := luax.Self[*rng.Stream](&a)
	list := a.Table("list")
	a.End()
	s.Shuffle(list.Len(), func(i, j int) {
		x, y := list.RawGetInt(i+1), list.RawGetInt(j+1)
		list.RawSetInt(i+1, y)
		list.RawSetInt(j+1, x)
	})
	L.Push(list)
	return 1
}

func save(L *lua.LState) int {
	a := luax.Read(L, "save")
	s := luax.Self[*rng.Stream](&a)
	a.End()
	text, err := json.Marshal(s)
	if err != nil {
		a.Fail("%s", err)
	}
	L.Push(lua.LString(text))
	return 1
}
