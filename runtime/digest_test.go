package runtime_test

import (
	"context"
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// The scripts of testdata/digest say what the library makes of thousands of
// random arguments, and what random programs do. Each took PUC-Rio's Lua 5.1.5 (Debian's lua5.1 5.1.5-9) to
// the digest given here, with
//
//	h, n = 0, 0
//	loadfile(script)(function(...)
//	  n = n + 1
//	  for i = 1, select("#", ...) do
//	    local s = tostring((select(i, ...)))
//	    for k = 1, #s do h = (h * 31 + s:byte(k)) % 4294967291 end
//	    h = (h * 31 + 256) % 4294967291
//	  end
//	end)
func TestAgainstC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		n      int
		digest uint64
	}{
		{"patterns", 7891, 2228439775},
		{"format", 19156, 4154825502},
		{"dates", 9000, 1938733409}, // with TZ=UTC
		{"programs", 110, 3699695595},
		{"numbers", 52890, 4160241887},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			n, h := 0, uint64(0)
			say := runtime.Module{Name: "say", Open: func(vm *runtime.VM) (lua.LValue, error) {
				return vm.NewFunction(func(L *lua.LState) int {
					n++
					for i := 1; i <= L.GetTop(); i++ {
						for _, b := range []byte(vm.Text(L, L.Get(i))) {
							h = (h*31 + uint64(b)) % 4294967291
						}
						h = (h*31 + 256) % 4294967291
					}
					return 0
				}), nil
			}}
			src, err := os.ReadFile("testdata/digest/" + c.script + ".lua")
			if err != nil {
				t.Fatal(err)
			}
			chunk, err := runtime.Compile(c.script, "return (function(...) "+string(src)+" end)(require 'say')")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, runtime.Config{Modules: []runtime.Module{say}}).Run(context.Background(), chunk); err != nil {
				t.Fatal(err)
			}
			if n != c.n || h != c.digest {
				t.Errorf("got %d results with the digest %d, want %d with %d", n, h, c.n, c.digest)
			}
		})
	}
}
