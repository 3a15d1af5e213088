package kernel

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzElementwise reads any two rows and a mask out of the data and holds every implementation to the plain Go: in every
// bit where it promises them, else to the bounds of the functions.
func FuzzElementwise(f *testing.F) {
	var seed []byte
	for _, v := range append(specials, powers...) {
		seed = binary.LittleEndian.AppendUint32(seed, math.Float32bits(v))
	}
	f.Add(seed)
	f.Add(seed[:44])
	f.Add(seed[20:])
	f.Fuzz(func(t *testing.T, data []byte) {
		n := len(data) / 4 / 3
		var in [3][]float32
		for i := range in {
			in[i] = make([]float32, n)
			for j := range in[i] {
				in[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*(i*n+j):]))
			}
		}
		x, y, z := in[0], in[1], in[2]
		eachLevel(t, func(t *testing.T) {
			got, want := make([]float32, n), make([]float32, n)
			same := func(name string, f, ref func(dst []float32)) {
				for i := range got {
					got[i], want[i] = 0.5, 0.5
				}
				f(got)
				ref(want)
				for i := range got {
					if !equalBits(got[i], want[i]) {
						t.Errorf("%s(%v, %v, %v): got %v, want %v", name, x[i], y[i], z[i], got[i], want[i])
					}
				}
			}
			for _, p := range pairs {
				same(p.name, func(dst []float32) { p.f(dst, x, y) }, func(dst []float32) { p.ref(dst, x, y) })
			}
			for _, m := range masked {
				same(m.name, func(dst []float32) { m.f(dst, x, y) }, func(dst []float32) { m.ref(dst, x, y) })
			}
			for _, w := range wides {
				same(w.name, func(dst []float32) { w.f(dst, x, y, z) }, func(dst []float32) { w.ref(dst, x, y, z) })
			}
			same("Select", func(dst []float32) { SelectTo(dst, z, x, y) }, func(dst []float32) { SelectRef(dst, z, x, y) })
			for _, fn := range functions {
				fn.f(got, x)
				for i, v := range x {
					if u := ulps(got[i], fn.ref(float64(v))); !(u <= fn.bound) {
						t.Errorf("%s(%v): got %v: %v ulp, want at most %v", fn.name, v, got[i], u, fn.bound)
					}
				}
			}
			PowTo(got, x, y)
			for i := range x {
				if want := math.Pow(float64(x[i]), float64(y[i])); !(ulps(got[i], want) <= 0.51) {
					t.Errorf("PowTo(%v, %v): got %v, want %v", x[i], y[i], got[i], want)
				}
			}
			for _, c := range reductions {
				if got, want := c.f(x, y), c.ref(x, y); !sameBits64(got, want) {
					t.Errorf("%s(%v, %v): got %v, want %v", c.name, x, y, got, want)
				}
			}
		})
	})
}
