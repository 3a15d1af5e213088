package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lengths are the sizes of the elementwise tests: every remainder of every vector width, and some longer ones.
func lengths() []int {
	var l []int
	for n := range 68 {
		l = append(l, n)
	}
	return append(l, 255, 256, 999, 1000, 1001)
}

const guardLen = 33

// guarded is a slice between two zones that nobody may write to.
type guarded struct {
	whole, copy []float32
	x           []float32
	readOnly    bool
}

const sentinel = 0x7fa5a5a5 // a NaN, so that reading it shows too

// newGuarded returns n random values from N(0,1) that begin offset floats later than the allocation allows.
func newGuarded(r *rand.Rand, n, offset int, readOnly bool) *guarded {
	g := &guarded{whole: make([]float32, n+2*guardLen+offset), readOnly: readOnly}
	for i := range g.whole {
		g.whole[i] = math.Float32frombits(sentinel)
	}
	g.x = g.whole[guardLen+offset:][:n]
	for i := range g.x {
		g.x[i] = float32(r.NormFloat64())
	}
	return g
}

// seal remembers the contents; check then reports what changed without leave.
func (g *guarded) seal() *guarded {
	g.copy = append([]float32(nil), g.whole...)
	return g
}

func (g *guarded) check(t *testing.T, name string) {
	t.Helper()
	start := len(g.whole) - guardLen - len(g.x)
	for i := range g.whole {
		inside := i >= start && i < start+len(g.x)
		if (!inside || g.readOnly) && math.Float32bits(g.whole[i]) != math.Float32bits(g.copy[i]) {
			t.Fatalf("%s: wrote at %d of %d: got %v, want %v", name, i-start, len(g.x), g.whole[i], g.copy[i])
		}
	}
}

func randoms(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// near fails unless got is within bound of want; NaN and infinities must be the same.
func near(t *testing.T, got float32, want, bound float64, format string, args ...any) {
	t.Helper()
	g := float64(got)
	if math.IsNaN(want) && math.IsNaN(g) || g == want || math.Abs(g-want) <= bound {
		return
	}
	t.Fatalf("%s: got %v, want %v ± %g", fmt.Sprintf(format, args...), got, want, bound)
}

func sameBits(x, y []float32) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			return false
		}
	}
	return true
}

func wantPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); got != want {
			t.Errorf("panic: got %q, want %q", got, want)
		}
	}()
	f()
}

const eps32 = 1.0 / (1 << 24)

// equalBits tells -0 from 0, but no NaN from another.
func equalBits(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}
