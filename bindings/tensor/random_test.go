package tensor_test

import (
	"fmt"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// Random tensors follow from the seed of the VM, and come from the stream that
// math.random draws from too.
func TestRandomTensors(t *testing.T) {
	t.Parallel()
	draw := func(seed int64) string {
		rt := newVM(t, runtime.Config{Seed: seed})
		out, err := run(t, rt, `
			local a, b = tensor.rand(2, 3), tensor.randn({4})
			assert(a:shape()[2] == 3 and b:numel() == 4)
			return a:tolist(), b:tolist(), tensor.rand(1):item(), math.random()`)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(out)
	}
	if a, b := draw(7), draw(7); a != b {
		t.Errorf("one seed: got %s, then %s", a, b)
	}
	if a, b := draw(7), draw(8); a == b {
		t.Errorf("two seeds: got %s twice", a)
	}
	// 40,000 draws: the mean of a uniform value is within 5·0.2887/200 of 0.5,
	// of a normal one within 5/200 of 0, its variance within 5·√2/200 of 1.
	out, err := run(t, newVM(t, runtime.Config{Seed: 1}), `
		local u, z = tensor.rand(40000), tensor.randn(200, 200)
		return u:mean():item(), u:min():item(), u:max():item(), z:mean():item(), z:var():item()`)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ lo, hi float64 }{{0.4928, 0.5072}, {0, 0.001}, {0.999, 0.99999997}, {-0.025, 0.025}, {0.9646, 1.0354}} {
		if got := out[i].(float64); got < c.lo || got > c.hi {
			t.Errorf("moment %d: got %v, want %v to %v", i+1, got, c.lo, c.hi)
		}
	}
}
