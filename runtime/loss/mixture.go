package loss

import (
	"math"
	"reflect"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/hud"
)

const keyPhi = "phi"

// expertToken is −φ·ℓ with φ = p·(1 − p) held constant, or −ℓ.
func expertToken(l float64, phi bool) (value, slope float64) {
	if !phi {
		return -l, -1
	}
	l = min(l, 0) // a logprob, whatever rounding made of it
	w := math.Exp(l) * -math.Expm1(l)
	if w == 0 {
		return 0, 0 // p·ℓ → 0
	}
	return -w * l, -w
}

// mixtureSpecs train tokens of two kinds, or of another kind than the mask's.
var mixtureSpecs = map[string]spec{
	// (1 − μ)·ppo on datums of the policy's own, − μ·φ·ℓ on those of an expert
	// (see Settings.Expert), with φ = p·(1 − p) held constant, 1 for phi = 0. Each
	// kind is aggregated by itself, with denominators of its own. A schedule of μ
	// is the caller's. Source: Trinity-RFT's chord_policy_loss.py, after arXiv
	// 2508.11408.
	"chord": {
		traits:    traits{sampling: true, advantage: factor, clips: true, detached: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyMu: 0.1, keyPhi: 1},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			policy, mu, phi := clippedToken(c), c[keyMu], c[keyPhi] != 0
			return func(x point) (float64, float64, cut) {
				if x.expert {
					value, slope := expertToken(x.l, phi)
					return mu * value, mu * slope, uncut
				}
				value, slope, by := policy(x)
				return (1 - mu) * value, (1 - mu) * slope, by
			}
		},
		fast: func(c map[string]float64) fastFunc {
			mu, phi := c[keyMu], c[keyPhi] != 0
			piece := clippedPiece(c)
			policy := onePass(clipTraits(), func(s *Span) kernel.Piecewise {
				p := piece(s)
				m := float32(1 - mu)
				p.Slope *= m
				p.LowValue *= m
				p.HighValue *= m
				return p
			})
			expert := byTiles(traits{}, nil, func(t *tile) {
				if !phi {
					timesTo(t.value, t.l, -mu)
					kernel.SubTo(t.slope, zeros[:len(t.slope)], []float32{float32(mu)})
					return
				}
				kernel.MinimumTo(t.v, t.l, scalar0)
				kernel.ExpTo(t.u, t.v)
				kernel.Expm1To(t.slope, t.v)
				kernel.MulTo(t.slope, t.slope, t.u)
				timesTo(t.slope, t.slope, mu)
				kernel.MulTo(t.value, t.slope, t.v)
			})
			return func(s *Span, dlogprobs []float32, sums *Sums) bool {
				if s.Expert {
					return expert(s, dlogprobs, sums)
				}
				return policy(s, dlogprobs, sums)
			}
		},
	},
	// −α·ℓ on observations (see Settings.Observation) instead of the tokens of the
	// mask: to be added to a policy loss, so that the policy also learns what its
	// actions lead to. Source: prime-rl's orchestrator/algo/echo.py, whose α is
	// that of tool output.
	"echo": {
		traits:    traits{observations: true},
		defaults:  map[string]float64{keyAlpha: 0.1},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			alpha := c[keyAlpha]
			return func(x point) (float64, float64, cut) { return -alpha * x.l, -alpha, uncut }
		},
		pass: func(c map[string]float64) pieceFunc {
			alpha := c[keyAlpha]
			return func(*Span) kernel.Piecewise { return constant(-alpha) }
		},
	},
}

// observed is the mask of a batch's observations.
func observed(b *hud.Packed, given []float32) ([]float32, error) {
	const op = "observation_mask"
	if given != nil {
		if len(given) != b.Tokens() {
			return nil, invalid(op, "got %d positions, want %d as logprobs has", len(given), b.Tokens())
		}
		return given, nil
	}
	mask := make([]float32, b.Tokens())
	for d := range b.Len() {
		lo, hi := b.Range(d)
		if b.Extra != nil && b.Extra[d]["observation_mask"] != nil {
			if n := numbers(mask[lo:hi], b.Extra[d]["observation_mask"]); n != hi-lo {
				return nil, invalid(op, "datum %d: got %d numbers, want one for each of %d positions", d+1, n, hi-lo)
			}
			continue
		}
		if first := slices.IndexFunc(b.Mask[lo:hi], func(m float32) bool { return m != 0 }); first >= 0 {
			kernel.EqTo(mask[lo+first:hi], b.Mask[lo+first:hi], scalar0)
		}
	}
	return mask, nil
}

// numbers fills dst with a list of numbers and returns how many it has, up to
// the first element that is none.
func numbers(dst []float32, v any) (n int) {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return 0
	}
	for n < list.Len() {
		x := list.Index(n)
		if x.Kind() == reflect.Interface {
			x = x.Elem()
		}
		f := 0.0
		switch {
		case x.CanFloat():
			f = x.Float()
		case x.CanInt():
			f = float64(x.Int())
		case x.Kind() == reflect.Bool:
			if x.Bool() {
				f = 1
			}
		default:
			return n
		}
		if n < len(dst) {
			dst[n] = float32(f)
		}
		n++
	}
	return n
}

// experts says which datums are an expert's, nil for none.
func experts(b *hud.Packed, given []bool) ([]bool, error) {
	const op = "expert"
	if given != nil && len(given) != b.Len() {
		return nil, invalid(op, "got %d values for %d datums", len(given), b.Len())
	}
	out, some := make([]bool, b.Len()), false
	for d := range out {
		if given != nil {
			out[d] = given[d]
		} else if b.Extra != nil {
			v := b.Extra[d]["expert"]
			is, ok := v.(bool)
			if v != nil && !ok {
				return nil, invalid(op, "datum %d: got extra.expert %v, want true or false", d+1, v)
			}
			out[d] = is
		}
		some = some || out[d]
	}
	if !some {
		return nil, nil
	}
	return out, nil
}
