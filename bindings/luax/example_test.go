package luax_test

import (
	"context"
	"fmt"
	"log"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// A board is what the module hands out: methods and a field.
type board struct{ size, moves int }

func openGame(vm *runtime.VM) (lua.LValue, error) {
	luax.Define(vm, luax.Class[*board]{
		Name:   "Board",
		Fields: []string{"moves"},
		Get: func(_ *lua.LState, b *board, key lua.LValue) (lua.LValue, bool) {
			return lua.LNumber(b.moves), key == lua.LString("moves")
		},
		Methods: map[string]lua.LGFunction{
			"move": func(L *lua.LState) int {
				a := luax.Read(L, "move")
				b := luax.Self[*board](&a)
				x := a.Int("x")
				a.End()
				if x < 1 || x > b.size {
					a.Fail("x: got %d, want 1 to %d", x, b.size)
				}
				b.moves++
				return 0
			},
		},
	})
	return luax.Module(vm, "game", map[string]lua.LGFunction{
		"board": func(L *lua.LState) int {
			a := luax.Read(L, "board")
			o := a.Options("size")
			a.End()
			L.Push(luax.Wrap(L, &board{size: o.Int("size", 8)}))
			return 1
		},
	}), nil
}

// A module as those that ship are written: arguments with messages, options with
// suggestions, a class.
func Example() {
	rt, err := runtime.New(runtime.Config{Modules: []runtime.Module{{Name: "game", Open: openGame}}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	ctx := context.Background()
	fmt.Println(rt.Eval(ctx, `local b = require("game").board{ size = 3 } b:move(2) return b.moves, tostring(b)`))
	for _, src := range []string{`b:move(9)`, `b:move("2")`, `b:mvoe(2)`, `require("game").board{ sise = 3 }`} {
		_, err := rt.Eval(ctx, `local b = require("game").board() return `+src)
		fmt.Println(err)
	}
	// Output:
	// [1 Board] <nil>
	// stdin:1: move: x: got 9, want 1 to 8
	// stdin:1: move: x: got string, want number
	// stdin:1: Board: no such method or field: "mvoe" (did you mean "move"?)
	// stdin:1: board: unknown option "sise" (did you mean "size"?)
}
