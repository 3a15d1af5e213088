package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

func TestScan(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	type point struct{ X, Y int16 }
	type move struct {
		Kind   string
		Path   []point
		Extra  map[string]float64
		At     *point
		Weight [2]float32
		Data   []byte
		Any    any
	}
	scan := func(src string, into ...any) error {
		t.Helper()
		out, err := mustRun(t, rt, context.Background(), "return "+src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		return runtime.Scan(out, into...)
	}
	var (
		s       string
		n       int
		b       bool
		m       move
		p       *point
		opt     *int
		f       *runtime.Func
		list    []string
		named   map[string]int
		missing any = 1
	)
	if err := scan(`"a", 3, true, { kind = "go", path = { {x = 1}, {y = 2} }, extra = { a = 0.5 }, at = { x = 7 }, weight = {1, 2}, data = "x", any = {1} },
		{ y = 5 }, 9, print, {"x", "y"}, {}`, &s, &n, &b, &m, &p, &opt, &f, &list, &named, &missing); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%v %v %v %v %v %v %v %v %v", s, n, b, *p, *opt, f != nil, list, named, missing)
	if want := "a 3 true {0 5} 9 true [x y] map[] <nil>"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprintf("%v %v %v %v %v %s %v", m.Kind, m.Path, m.Extra, *m.At, m.Weight, m.Data, m.Any), "go [{1 0} {0 2}] map[a:0.5] {7 0} [1 2] x [1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := scan(`nil, nil`, &opt, &p, &list, &named); err != nil || opt != nil || p != nil || list != nil || named != nil {
		t.Errorf("got %v, and %v %v %v %v", err, opt, p, list, named)
	}
	for _, c := range []struct {
		src  string
		into any
		want string
	}{
		{`"a"`, &n, "result 1: got string, want number"},
		{`1.5`, &n, "result 1: got 1.5, want a whole number"},
		{`2^40`, new(int32), "result 1: got 1099511627776, want a number from -2147483648 to 2147483647"},
		{``, &s, "result 1: got nil, want string"},
		{`{1, "x"}`, new([]int), "result 1: [2]: got string, want number"},
		{`{1}`, new([2]int), "result 1: got a list of 1, want 2"},
		{`{1}`, &named, "result 1: got a list, want table"},
		{`{a = 1}`, &list, "result 1: got a table with names, want a list"},
		{`{a = "x"}`, &named, "result 1: a: got string, want number"},
		{`{kidn = "x"}`, &m, `result 1: unknown name "kidn"`},
		{`{path = {{x = 1e6}}}`, &m, "result 1: path: [1]: x: got 1000000, want a number from -32768 to 32767"},
		{`print`, &s, "result 1: got function, want string"},
		{`true`, &n, "result 1: got boolean, want number"},
	} {
		err := scan(c.src, c.into)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Message != c.want {
			t.Errorf("%s: got %v, want %s", c.src, err, c.want)
		}
	}
	for _, bad := range []any{nil, 5, (*int)(nil)} {
		if err := scan(`1`, bad); err == nil || !strings.Contains(err.Error(), "want a pointer") {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}
