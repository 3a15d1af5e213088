package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// gatedToken is −τ·r·A + κ·d², with the first term dropped where drop says so
// of the probabilities p of the policy and mu of the sampling policy.
func gatedToken(advTau, klTau float64, drop func(x point) cut) tokenFunc {
	return func(x point) (float64, float64, cut) {
		d := x.l - x.q
		value, slope := klTau*d*d, 2*klTau*d
		if klTau == 0 {
			value, slope = 0, 0 // d may be infinite
		}
		if by := drop(x); by != uncut {
			return value, slope, by
		}
		r, inside := limited(d)
		v := -advTau * r * x.a
		return value + v, slope + flat(v, inside), uncut
	}
}

// dropTV says whether the step that A asks for has already moved the
// token's probability by more than allowed.
func dropTV(c map[string]float64) func(x point) cut {
	lo, hi := c[keyDeltaLo], c[keyDeltaHi]
	return func(x point) cut {
		switch diff := math.Exp(x.l) - math.Exp(x.q); {
		case x.a > 0 && diff > hi:
			return cutHigh
		case x.a < 0 && diff < -lo:
			return cutLow
		}
		return uncut
	}
}

// binaryKL is the divergence of the distributions over {this token, another}:
// KL(sampling‖policy). It is +Inf where the policy excludes what the sampling
// policy allows.
func binaryKL(l, q float64) float64 {
	l, q = min(l, 0), min(q, 0)
	kl := 0.0
	if mu := math.Exp(q); mu > 0 {
		kl = mu * (q - l)
	}
	if rest := -math.Expm1(q); rest > 0 {
		kl += rest * (math.Log(rest) - math.Log(-math.Expm1(l)))
	}
	return kl
}

// gatedTile is gatedToken with tiles: drop fills t.v with 1 where the first term
// is dropped, and counts.
func gatedTile(traits traits, advTau, klTau float64, drop func(t *tile)) fastFunc {
	return byTiles(traits, nil, func(t *tile) {
		drop(t)
		timesTo(t.u, t.r, -advTau*t.Advantage)
		gatedSum(t, klTau)
	})
}

// gatedSum is the value and slope of the policy's term, in t.u, where t.v does
// not drop it, and of κ·d².
func gatedSum(t *tile, klTau float64) {
	unless(t.slope, t.v, t.u)
	if klTau == 0 {
		copy(t.value, t.slope)
		return
	}
	timesTo(t.u, t.d, klTau)
	kernel.MulTo(t.value, t.u, t.d)
	kernel.AddTo(t.value, t.value, t.slope)
	kernel.AddTo(t.slope, t.slope, t.u)
	kernel.AddTo(t.slope, t.slope, t.u)
}

// moved is dst = p − μ.
func (t *tile) moved(dst []float32) {
	t.unfit = t.unfit || kernel.Max(t.l) > 60 // no logprob, and its exponential no float32
	kernel.ExpTo(dst, t.l)
	t.only(t.w, t.p)
	kernel.ExpTo(t.w, t.w)
	kernel.SubTo(dst, dst, t.w)
}

// dropTVTile is dropTV with tiles.
func dropTVTile(c map[string]float64) func(t *tile) {
	lo, hi := c[keyDeltaLo], c[keyDeltaHi]
	return func(t *tile) {
		t.moved(t.u)
		switch {
		case t.Advantage > 0:
			above(t.v, t.u, hi)
			t.high += t.count(t.v)
		case t.Advantage < 0:
			below(t.v, t.u, -lo)
			t.low += t.count(t.v)
		default:
			clear(t.v)
		}
	}
}

// binaryKLTo is dst = the binary KL of every token.
func (t *tile) binaryKLTo(dst []float32) {
	l, q, rest := t.value, t.slope, t.v
	kernel.MinimumTo(l, t.l, scalar0)
	t.only(q, t.p)
	kernel.MinimumTo(q, q, scalar0)
	kernel.Expm1To(rest, q)
	kernel.NegTo(rest, rest)
	kernel.ExpTo(t.w, q)
	kernel.SubTo(q, q, l)
	kernel.MulTo(dst, t.w, q)
	kernel.Expm1To(l, l)
	kernel.NegTo(l, l)
	kernel.LogTo(l, l)
	kernel.LogTo(q, rest)
	kernel.SubTo(q, q, l)
	kernel.MulTo(q, q, rest)
	unmasked(q, rest, q) // nothing is left where μ is 1
	kernel.AddTo(dst, dst, q)
}

// gatedSpecs drop the policy gradient of tokens outside a trust region of
// probabilities instead of bounding ratios. Sources: SkyRL's ppo_utils.py for
// dppo_*; prime-rl's trainer/rl/loss.py for the others.
var gatedSpecs = map[string]spec{
	// −r·A, dropped where A > 0 and p − μ > δ_high, or A < 0 and μ − p > δ_low.
	"dppo_tv": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyDeltaLo: 0.2, keyDeltaHi: 0.2},
		aggregate: TokenMean,
		token:     func(c map[string]float64) tokenFunc { return gatedToken(1, 0, dropTV(c)) },
		fast: func(c map[string]float64) fastFunc {
			return gatedTile(clipTraits(), 1, 0, dropTVTile(c))
		},
	},
	// −r·A, dropped where the binary KL(μ‖p) exceeds δ_high and A > 0 and
	// p > μ, or δ_low and A < 0 and p < μ.
	"dppo_kl": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyDeltaLo: 0.05, keyDeltaHi: 0.05},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyDeltaLo], c[keyDeltaHi]
			return gatedToken(1, 0, func(x point) cut {
				switch {
				case x.a > 0 && x.l > x.q && binaryKL(x.l, x.q) > hi:
					return cutHigh
				case x.a < 0 && x.l < x.q && binaryKL(x.l, x.q) > lo:
					return cutLow
				}
				return uncut
			})
		},
		fast: func(c map[string]float64) fastFunc {
			lo, hi := c[keyDeltaLo], c[keyDeltaHi]
			return gatedTile(clipTraits(), 1, 0, func(t *tile) {
				t.binaryKLTo(t.u)
				switch {
				case t.Advantage > 0:
					above(t.v, t.u, hi)
					above(t.w, t.d, 0)
					kernel.AndTo(t.v, t.v, t.w)
					t.high += t.count(t.v)
				case t.Advantage < 0:
					above(t.v, t.u, lo)
					below(t.w, t.d, 0)
					kernel.AndTo(t.v, t.v, t.w)
					t.low += t.count(t.v)
				default:
					clear(t.v)
				}
			})
		},
	},
	// dppo_tv with A scaled by adv_tau, + kl_tau·d² on every token.
	"prime_default": {
		traits:   traits{sampling: true, advantage: term, clips: true},
		defaults: map[string]float64{keyDeltaLo: 0.2, keyDeltaHi: 0.2, keyAdvTau: 1, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			return gatedToken(c[keyAdvTau], c[keyKLTau], dropTV(c))
		},
		fast: func(c map[string]float64) fastFunc {
			return gatedTile(clipTraits(), c[keyAdvTau], c[keyKLTau], dropTVTile(c))
		},
	},
	// −r·A where |p − μ| ≤ δ, + kl_tau·d² on every token. Not the preference
	// loss of that name.
	"prime_ipo": {
		traits:   traits{sampling: true, advantage: term, clips: true},
		defaults: map[string]float64{keyDelta: 0.2, keyAdvTau: 1, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			delta := c[keyDelta]
			return gatedToken(c[keyAdvTau], c[keyKLTau], func(x point) cut {
				return beyond(math.Exp(x.l)-math.Exp(x.q), -delta, delta)
			})
		},
		fast: func(c map[string]float64) fastFunc {
			delta := c[keyDelta]
			return gatedTile(clipTraits(), c[keyAdvTau], c[keyKLTau], func(t *tile) {
				t.moved(t.u)
				below(t.v, t.u, -delta)
				t.low += t.count(t.v)
				above(t.u, t.u, delta)
				t.high += t.count(t.u)
				kernel.OrTo(t.v, t.v, t.u)
			})
		},
	},
	// −sg(ℓ_ref − ℓ)·r where p − μ ≥ −δ_low, + kl_tau·d² on every token: a
	// policy gradient whose advantage is how much likelier the reference finds
	// the token.
	"ref_kl_pg": {
		traits:   traits{sampling: true, reference: true, clips: true, detached: true},
		defaults: map[string]float64{keyDeltaLo: 0.2, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			lo := c[keyDeltaLo]
			gated := gatedToken(1, c[keyKLTau], func(x point) cut { return beyond(math.Exp(x.l)-math.Exp(x.q), -lo, math.Inf(1)) })
			return func(x point) (float64, float64, cut) {
				x.a = x.ref - x.l
				return gated(x)
			}
		},
		fast: func(c map[string]float64) fastFunc {
			lo, klTau := c[keyDeltaLo], c[keyKLTau]
			t := clipTraits()
			t.reference = true
			return byTiles(t, nil, func(t *tile) {
				t.moved(t.u)
				below(t.v, t.u, -lo)
				t.low += t.count(t.v)
				kernel.SubTo(t.u, t.l, t.ref)
				kernel.MulTo(t.u, t.u, t.r)
				gatedSum(t, klTau)
			})
		},
	},
}
