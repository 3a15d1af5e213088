package runtime_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// Loops, and what follows labels, that begin with a jump; the results are those of
// the reference manual's semantics, and of PUC-Lua 5.1.5 where it has the syntax.
func TestLoopsThatBeginWithAJump(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{Limits: runtime.Limits{Steps: 10_000}})
	for _, c := range []struct{ src, want string }{
		{`local n = 0 while true do while nil do n = 100 end n = n + 1 if n > 3 then break end end return n`, "[4]"},
		{`local n = 0 repeat if nil then n = 100 else n = n + 1 end if n > 3 then break end until nil return n`, "[4]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do if "x" then elseif nil then else end end return n`, "[0]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do if nil then n = n + 10 elseif true then n = n + 1 end end return n`, "[3]"},
		{`local n = 0 if n == 5 then n = 1 end n = n + 1 for k in pairs({1}) do break end return n`, "[1]"},
		{`local n = 0 if n == 5 then n = 1 end n = n + 1 for k in pairs({1}) do do break end end return n`, "[1]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do if false and n then n = 50 end n = n + 1 end return n`, "[3]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do if not true then n = 50 end n = n + 1 end return n`, "[3]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do local x = nil and n n = n + (x or 1) end return n`, "[3]"},
		{`local n = 0 ::a:: if nil then n = 50 end n = n + 1 if n < 3 then goto a end return n`, "[3]"},
		{`local n = 0 ::a:: do goto b end n = 50 ::b:: n = n + 1 if n < 3 then goto a end return n`, "[3]"},
		{`local n = 0 ::a:: repeat if nil then n = 50 end until true n = n + 1 if n < 3 then goto a end return n`, "[3]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do goto continue n = 50 ::continue:: end return n`, "[0]"},
		{`local n = 0 for k in pairs({1, 2, 3}) do repeat if nil then n = 50 break end n = n + 1 until true end return n`, "[3]"},
		{`local a, n = 1, 0 local z while true do local b if b then return "kept" end b = 1 n = n + 1 if n > 2 then break end end return n`, "[3]"},
		{`local n = 0 local z for k in pairs({1, 2, 3}) do local b if b then return "kept" end b = 1 n = n + 1 end return n`, "[3]"},
		{`local n = 0 while true do if 1 then while false do end else end n = n + 1 if n > 3 then return n end end`, "[4]"},
	} {
		out, err := mustRun(t, rt, context.Background(), c.src)
		if err != nil || fmt.Sprint(out) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.src, out, err, c.want)
		}
		out, err = mustRun(t, rt, context.Background(), `return (function() `+c.src+` end)()`)
		if err != nil || fmt.Sprint(out) != c.want {
			t.Errorf("in a function: %s: got %v, %v, want %s", c.src, out, err, c.want)
		}
	}
}
