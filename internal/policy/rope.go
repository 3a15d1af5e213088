package policy

import (
	"math"
	"sync"
)

// ropeTable holds the cosines and sines of every position: row p is the
// angles p·θ^(−2i/d) for i < d/2, computed in float64.
type ropeTable struct {
	half     int
	cos, sin []float32 // [MaxContext, half]
}

type ropeKey struct {
	theta        float64
	headDim, max int
}

// ropeTables keeps one table per shape: they depend on nothing else.
var ropeTables sync.Map

func ropeFor(c Config) *ropeTable {
	key := ropeKey{c.RopeTheta, c.HeadDim(), c.MaxContext}
	if t, ok := ropeTables.Load(key); ok {
		return t.(*ropeTable)
	}
	half := key.headDim / 2
	t := &ropeTable{half: half, cos: make([]float32, key.max*half), sin: make([]float32, key.max*half)}
	for p := range key.max {
		for i := range half {
			s, c := math.Sincos(ropeAngle(key.theta, key.headDim, p, i))
			t.cos[p*half+i], t.sin[p*half+i] = float32(c), float32(s)
		}
	}
	kept, _ := ropeTables.LoadOrStore(key, t)
	return kept.(*ropeTable)
}

func ropeAngle(theta float64, headDim, pos, i int) float64 {
	return float64(pos) * math.Pow(theta, -2*float64(i)/float64(headDim))
}

// rotate turns the heads of one row by its position. Element i of a head is
// paired with element i+d/2 (Hugging Face's rotate_half), not with i+1. The
// conversions keep a compiler from fusing: the bits then do not depend on how
// it felt about this loop.
func (t *ropeTable) rotate(row []float32, pos int) {
	h := t.half
	cos, sin := t.cos[pos*h:][:h], t.sin[pos*h:][:h]
	for ; len(row) >= 2*h; row = row[2*h:] {
		lo, hi := row[:h], row[h:2*h]
		for i, c := range cos {
			s, a, b := sin[i], lo[i], hi[i]
			lo[i] = float32(a*c) - float32(b*s)
			hi[i] = float32(b*c) + float32(a*s)
		}
	}
}

// unrotate is the inverse, and so the transpose that gradients need.
func (t *ropeTable) unrotate(row []float32, pos int) {
	h := t.half
	cos, sin := t.cos[pos*h:][:h], t.sin[pos*h:][:h]
	for ; len(row) >= 2*h; row = row[2*h:] {
		lo, hi := row[:h], row[h:2*h]
		for i, c := range cos {
			s, a, b := sin[i], lo[i], hi[i]
			lo[i] = float32(a*c) + float32(b*s)
			hi[i] = float32(b*c) - float32(a*s)
		}
	}
}
