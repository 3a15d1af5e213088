package kernel

import (
	"math"
	"unsafe"
)

// Weighted is what [WeightedSums] adds up.
type Weighted struct {
	X, Y  float64 // Σ mask·x and Σ mask·y
	Count int     // positions whose mask is not 0
	Most  float32 // the greatest |mask| but for NaN
}

// weightedCall is one call; n is a multiple of 16. The assembly reads its fields by name (go_asm.h).
//
//lint:ignore U1000 the assembly reads it
type weightedCall struct {
	x, y, mask unsafe.Pointer
	n          uintptr
	sums       Weighted
}

// WeightedSums adds up two slices where the mask is not 0, whatever they hold elsewhere; y may be nil. The products are
// exact, and the sums are in float64: sixteen of them side by side, the same for every implementation.
func WeightedSums(x, y, mask []float32) Weighted {
	checkLen("WeightedSums", "mask", len(mask), len(x))
	if y != nil {
		checkLen("WeightedSums", "y", len(y), len(x))
	}
	if active < levelAVX2 || len(x) < 16 {
		return WeightedSumsRef(x, y, mask)
	}
	n := len(x) &^ 15
	var c weightedCall
	c.x, c.y, c.mask, c.n = unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(y)), unsafe.Pointer(unsafe.SliceData(mask)), uintptr(n)
	if active >= levelAVX512 {
		weightedAVX512(&c)
	} else {
		weightedAVX2(&c)
	}
	if y != nil {
		y = y[n:]
	}
	c.sums.rest(x[n:], y, mask[n:])
	return c.sums
}

// WeightedSumsRef is the plain Go [WeightedSums].
func WeightedSumsRef(x, y, mask []float32) Weighted {
	var s Weighted
	var lanes [2][16]float64
	n := len(x) &^ 15
	for i, m := range mask[:n] {
		if m == 0 {
			continue
		}
		lanes[0][i%16] += float64(m) * float64(x[i])
		if y != nil {
			lanes[1][i%16] += float64(m) * float64(y[i])
		}
		s.see(m)
	}
	for k := range lanes {
		for half := 8; half > 0; half /= 2 {
			for i := range half {
				lanes[k][i] += lanes[k][i+half]
			}
		}
	}
	s.X, s.Y = lanes[0][0], lanes[1][0]
	if y != nil {
		y = y[n:]
	}
	s.rest(x[n:], y, mask[n:])
	return s
}

// rest adds the positions that fill no vector, one after another.
func (s *Weighted) rest(x, y, mask []float32) {
	for i, m := range mask {
		if m == 0 {
			continue
		}
		s.X += float64(m) * float64(x[i])
		if y != nil {
			s.Y += float64(m) * float64(y[i])
		}
		s.see(m)
	}
}

func (s *Weighted) see(m float32) {
	s.Count++
	if a := float32(math.Abs(float64(m))); a > s.Most {
		s.Most = a
	}
}

// MarkTo is dst = c where the mask is not 0, else 0.
func MarkTo(dst, mask []float32, c float32) {
	checkLen("MarkTo", "mask", len(mask), len(dst))
	if len(dst) == 0 {
		return
	}
	if active >= levelAVX2 {
		markSIMD(unsafe.SliceData(dst), unsafe.SliceData(mask), uintptr(len(dst)), c)
		return
	}
	MarkRef(dst, mask, c)
}

// MarkRef is the plain Go [MarkTo].
func MarkRef(dst, mask []float32, c float32) {
	for i, m := range mask {
		dst[i] = 0
		if m != 0 {
			dst[i] = c
		}
	}
}
