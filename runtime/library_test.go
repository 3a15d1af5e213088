package runtime_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// gopher-lua loses what a literal holds beyond 25,550 items without a word, and
// of a nested one the whole field.
func TestTableLiterals(t *testing.T) {
	t.Parallel()
	items := func(n int) string { return strings.Repeat("7,", n-1) + "8" }
	for _, src := range []string{
		"local t = {" + items(25_550) + "} return #t == 25550 and t[25550] == 8",
		"local t = {a = {" + items(25_550) + "}} return #t.a == 25550 and t.a[25550] == 8",
		"local function two() return 5, 6 end local t = {" + items(25_549) + ", two()} return #t == 25551 and t[25550] == 5 and t[25551] == 6",
		"local t = {x = 1, " + items(25_550) + "; y = 2} return #t == 25550 and t.x == 1 and t.y == 2",
		"local t = {[1] = 'lost', 'first', [2] = 'second'} return t[1] == 'first' and t[2] == 'second'",
	} {
		if _, out, err := run(t, runtime.Config{}, src); err != nil || out[0] != true {
			t.Errorf("%.40s…: got %v, %v, want true", src, out, err)
		}
	}
	for name, src := range map[string]string{
		"plain":     "\nlocal t = {" + items(25_551) + "}",
		"nested":    "\nlocal t = {a = {" + items(25_551) + "}}",
		"in a call": "\nprint {" + items(25_551) + "}",
		"returned":  "\nreturn {{{" + items(30_000) + "}}}",
		"a default": "\nlocal function f(t) t = t or {" + items(25_551) + "} end",
	} {
		_, err := runtime.Compile("big.lua", src)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Line != 2 || !strings.Contains(e.Message, "a table literal has more than 25550 items") || e.Hint == "" {
			t.Errorf("%s: got %v, want a refusal at line 2", name, err)
		}
	}
	if _, out, err := run(t, runtime.Config{}, `return loadstring(...)`, "return {"+items(25_551)+"}"); err != nil || out[0] != nil || !strings.Contains(fmt.Sprint(out[1]), "more than 25550 items") {
		t.Errorf("loadstring: got %.80v, %v, want nil and the refusal", out, err)
	}
}

// The table functions on lists that gopher-lua's own cannot take: its registry
// overflows.
func TestLongTables(t *testing.T) {
	t.Parallel()
	_, out, err := run(t, runtime.Config{}, `
		local n = 100000
		local t = {}
		for i = 1, n do table.insert(t, (i * 7919) % n) end
		table.sort(t, function(a, b) return a > b end)
		assert(#t == n and t[1] == n - 1 and t[n] == 0)
		table.sort(t)
		assert(t[1] == 0 and t[n] == n - 1)
		assert(select("#", unpack(t)) == n and select(n, unpack(t)) == n - 1)
		assert(math.max(unpack(t)) == n - 1 and #{unpack(t)} == n)
		local text = table.concat(t, " ")
		assert(#text == 10 + 90 * 2 + 900 * 3 + 9000 * 4 + 90000 * 5 + n - 1)
		local m = 0
		for word in text:gmatch("%d+") do m = m + 1 end
		assert(m == n and select(2, text:gsub("%d+", "%0")) == n)
		assert(#string.char(unpack(t, 1, 200)) == 200 and select("#", text:byte(1, 100000)) == 100000)
		for i = 1, 1000 do table.insert(t, 1, -i) end
		for i = 1000, 1, -1 do assert(table.remove(t, 1) == -i) end
		for i = 1, n do table.remove(t) end
		assert(#t == 0 and table.remove(t) == nil)
		return true`)
	if err != nil || out[0] != true {
		t.Errorf("got %v, %v", out, err)
	}
}

// Without the capability the clock starts at the Unix epoch, and os.clock is
// the age of the VM in both cases.
func TestClock(t *testing.T) {
	t.Parallel()
	const src = `
		local clock = os.clock()
		assert(clock >= 0 and clock < 60)
		assert(math.abs(os.time() - os.time(os.date("*t"))) <= 1)
		return os.time(), os.date("*t").year, tonumber(os.date("%Y")), os.difftime(os.time(), 5) == os.time() - 5`
	for _, c := range []struct {
		clock bool
		from  time.Time
	}{{false, time.Unix(0, 0)}, {true, time.Now().Add(-time.Second)}} {
		_, out, err := run(t, runtime.Config{Capabilities: runtime.Capabilities{Clock: c.clock}}, src)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(out[0].(float64)), 0).UTC()
		if at.Before(c.from) || at.After(c.from.Add(time.Minute)) || out[1] != float64(at.Year()) || out[2] != float64(at.Year()) {
			t.Errorf("clock %v: got %v, want about %v", c.clock, out, c.from)
		}
	}
}
