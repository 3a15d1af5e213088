package kernel

import (
	"math"
	"unsafe"
)

// Ratios is what a pass over log-ratios d = x − q and ratios r = exp(d) adds up, over the positions whose mask is not
// 0. It means something where MaxLog is below [MaxLogRatio] only, as do the slices the pass fills.
type Ratios struct {
	Loss       float64 // Σ scale·value
	Ratio      float64 // Σ r
	Squares    float64 // Σ r²
	Log        float64 // Σ d
	LogSquares float64 // Σ d²
	MaxRatio   float32 // 0 without positions
	MaxLog     float32 // the greatest |d|; NaN where one is
	Tokens     int     // positions
	Low, High  int     // of these, below and above the bounds
}

// Add is the sums of r's positions and o's.
func (r *Ratios) Add(o *Ratios) {
	r.Loss += o.Loss
	r.Ratio += o.Ratio
	r.Squares += o.Squares
	r.Log += o.Log
	r.LogSquares += o.LogSquares
	r.MaxRatio = max(r.MaxRatio, o.MaxRatio)
	r.MaxLog = max(r.MaxLog, o.MaxLog)
	r.Tokens += o.Tokens
	r.Low += o.Low
	r.High += o.High
}

// MaxLogRatio bounds the log-ratios that [RatioTo] and [PiecewiseTo] are made for.
const MaxLogRatio = 20

// Piecewise is a loss of one token that is piecewise linear in r: its derivative with respect to x is Slope·r within
// the bounds, LowSlope below and HighSlope above; its value the same within, LowValue below and HighValue above, or
// everywhere the derivative times x.
type Piecewise struct {
	Low, High           float64 // bounds on d: below is d < Low, above d > High
	Slope               float32
	LowSlope, HighSlope float32
	LowValue, HighValue float32
	TimesX              bool
}

// ratioCall is one pass. The assembly reads its fields by name (go_asm.h).
type ratioCall struct {
	x, q, mask, scale unsafe.Pointer
	out, ratio        unsafe.Pointer // the gradient, or d and r; may be nil
	n                 uintptr
	low, lowRest      float32 // the bounds as sums of two
	high, highRest    float32
	slope             float32
	lowSlope          float32
	highSlope         float32
	lowValue          float32
	highValue         float32
	factor            float32 // of the quick pass: slope times that of the gradient
	lowTie, highTie   float32 // log-ratios that rounding may have moved to a bound; NaN where none can be
	times             uint32
	ties              uint32 // not 0: there was one
	sums              *Ratios
}

// seal marks what the maximum passes over: NaN.
func (r *Ratios) seal() {
	if s := r.LogSquares; s != s {
		r.MaxLog = float32(s)
	}
}

// split is the float32 nearest to v and the rest.
func split(v float64) (float32, float32) {
	f := float32(v)
	if math.IsInf(float64(f), 0) {
		return f, 0
	}
	return f, float32(v - float64(f))
}

// PiecewiseTo computes p for every position and fills sums: grad[i] is factor·scale[i] times the derivative, 0 where the
// mask is 0, whatever the other slices hold there. grad may be nil. The comparisons are those of the exact d, the
// ratio is within 2 ulp, the rounding of x − q included, or within 4 where nothing but the ratio is asked for and no |d|
// reaches 8, and the sums are of float32 terms, added up in float64 by runs of sixteen.
func PiecewiseTo(sums *Ratios, grad, x, q, mask, scale []float32, p *Piecewise, factor float32) {
	checkLen("PiecewiseTo", "q", len(q), len(x))
	checkLen("PiecewiseTo", "mask", len(mask), len(x))
	checkLen("PiecewiseTo", "scale", len(scale), len(x))
	if grad != nil {
		checkLen("PiecewiseTo", "grad", len(grad), len(x))
	}
	if len(x) == 0 || active < levelAVX2 {
		*sums = PiecewiseRef(grad, x, q, mask, scale, p, factor)
		return
	}
	// Field by field: a literal is copied in one piece, which has to wait for its fields to be stored.
	var c ratioCall
	c.x, c.q = unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(q))
	c.mask, c.scale = unsafe.Pointer(unsafe.SliceData(mask)), unsafe.Pointer(unsafe.SliceData(scale))
	c.n, c.sums = uintptr(len(x)), sums
	c.out = unsafe.Pointer(unsafe.SliceData(grad))
	c.slope, c.lowSlope, c.highSlope, c.lowValue, c.highValue = p.Slope, p.LowSlope, p.HighSlope, p.LowValue, p.HighValue
	c.low, c.lowRest = split(p.Low)
	c.high, c.highRest = split(p.High)
	if p.quick() {
		c.factor, c.lowTie, c.highTie = p.Slope*factor, tie(c.low), tie(c.high)
		if active >= levelAVX512 {
			quickAVX512(&c)
		} else {
			quickAVX2(&c)
		}
		if c.was() {
			return
		}
	}
	if p.TimesX {
		c.times = 1<<16 - 1
	}
	if active >= levelAVX512 {
		piecewiseAVX512(&c)
	} else {
		piecewiseAVX2(&c)
	}
	if grad != nil && factor != 1 {
		Scale(factor, grad)
	}
	sums.seal()
}

// quickLogRatio bounds the log-ratios that may be rounded before the exponential: below it that is worth 2 ulp at most.
const quickLogRatio = 8

// quick is whether the quick pass computes p: it is for those that are flat outside their bounds.
func (p *Piecewise) quick() bool { return !p.TimesX && p.LowSlope == 0 && p.HighSlope == 0 }

// tie is the rounded log-ratio that may lie on either side of a bound; a difference of 0 is exact.
func tie(bound float32) float32 {
	if bound == 0 {
		return float32(math.NaN())
	}
	return bound
}

// was is whether the quick pass was made for what it found.
func (c *ratioCall) was() bool {
	return c.ties == 0 && c.sums.MaxLog < quickLogRatio && !math.IsNaN(c.sums.LogSquares)
}

// RatioSums is what [PiecewiseTo] adds up for the loss that is 1 everywhere, so that Loss is Σ scale.
func RatioSums(sums *Ratios, x, q, mask, scale []float32) {
	checkLen("RatioSums", "q", len(q), len(x))
	checkLen("RatioSums", "mask", len(mask), len(x))
	checkLen("RatioSums", "scale", len(scale), len(x))
	if len(x) > 0 && active >= levelAVX2 {
		var c ratioCall
		c.x, c.q = unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(q))
		c.mask, c.scale = unsafe.Pointer(unsafe.SliceData(mask)), unsafe.Pointer(unsafe.SliceData(scale))
		c.n, c.sums = uintptr(len(x)), sums
		if active >= levelAVX512 {
			quickSumsAVX512(&c)
		} else {
			quickSumsAVX2(&c)
		}
		if c.was() {
			sums.Low, sums.High = 0, 0
			return
		}
	}
	PiecewiseTo(sums, nil, x, q, mask, scale, &Piecewise{Low: math.Inf(1), High: math.Inf(1), LowSlope: 1, LowValue: 1}, 1)
	sums.Low = 0
}

// PiecewiseRef is the plain Go [PiecewiseTo], in float64.
func PiecewiseRef(grad, x, q, mask, scale []float32, p *Piecewise, factor float32) Ratios {
	var s Ratios
	for i, m := range mask {
		slope := 0.0
		if m != 0 {
			d := float64(x[i]) - float64(q[i])
			r := s.see(d)
			slope = float64(p.Slope) * r
			value := slope
			switch {
			case d < p.Low:
				slope, value = float64(p.LowSlope), float64(p.LowValue)
				s.Low++
			case d > p.High:
				slope, value = float64(p.HighSlope), float64(p.HighValue)
				s.High++
			}
			if p.TimesX {
				value = slope * float64(x[i])
			}
			s.Loss += float64(scale[i]) * value
			slope *= float64(scale[i]) * float64(factor)
		}
		if grad != nil {
			grad[i] = float32(slope)
		}
	}
	return s
}

// see counts a log-ratio and returns the ratio.
func (r *Ratios) see(d float64) float64 {
	e := math.Exp(d)
	r.Tokens++
	r.Ratio += e
	r.Squares += e * e
	r.Log += d
	r.LogSquares += d * d
	r.MaxRatio = max(r.MaxRatio, float32(e))
	r.MaxLog = max(r.MaxLog, float32(math.Abs(d)))
	return e
}

// RatioTo is d[i] = x[i] − q[i] and r[i] = exp(x[i] − q[i]), both 0 where the mask is 0, whatever the other slices hold
// there. The bounds of the error are those of [PiecewiseTo].
func RatioTo(d, r, x, q, mask []float32) (sums Ratios) {
	checkLen("RatioTo", "r", len(r), len(d))
	checkLen("RatioTo", "x", len(x), len(d))
	checkLen("RatioTo", "q", len(q), len(d))
	checkLen("RatioTo", "mask", len(mask), len(d))
	if len(x) == 0 || active < levelAVX2 {
		return RatioRef(d, r, x, q, mask)
	}
	c := ratioCall{x: unsafe.Pointer(unsafe.SliceData(x)), q: unsafe.Pointer(unsafe.SliceData(q)), mask: unsafe.Pointer(unsafe.SliceData(mask)),
		out: unsafe.Pointer(unsafe.SliceData(d)), ratio: unsafe.Pointer(unsafe.SliceData(r)), n: uintptr(len(x)), sums: &sums}
	if active >= levelAVX512 {
		ratioAVX512(&c)
	} else {
		ratioAVX2(&c)
	}
	sums.seal()
	return sums
}

// RatioRef is the plain Go [RatioTo], in float64.
func RatioRef(d, r, x, q, mask []float32) Ratios {
	var s Ratios
	for i, m := range mask {
		d[i], r[i] = 0, 0
		if m != 0 {
			log := float64(x[i]) - float64(q[i])
			d[i], r[i] = float32(log), float32(s.see(log))
		}
	}
	return s
}
