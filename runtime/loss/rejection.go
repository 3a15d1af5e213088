package loss

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/internal/kernel"
)

// rejection is one criterion of NewRejection.
type rejection struct {
	over      string // token, sum, mean or max
	kind      int    // of k1, k2, k3
	low, high float64
}

var rejections = []string{"token_k1", "token_k2", "token_k3", "seq_sum_k1", "seq_sum_k2", "seq_sum_k3",
	"seq_mean_k1", "seq_mean_k2", "seq_mean_k3", "seq_max_k2", "seq_max_k3"}

// Rejections lists the criteria of [NewRejection].
func Rejections() []string { return slices.Clone(rejections) }

// NewRejection is rejection sampling as a [Correction]: tokens, or whole
// sequences, that the old policy finds too different from the sampling policy
// leave the loss and the denominators. modes is one criterion, or several with
// commas between them, all of which a token must meet. With d = p − q held
// within ±20,
//
//   - k1 is −d, k2 ½d², k3 e^d − 1 − d;
//   - token_… looks at each token, seq_sum_…, seq_mean_… and seq_max_… at the
//     sum, mean and greatest of the sequence's.
//
// The bounds of a k1 criterion are on the ratio: rejection_low ≤ exp(−k1) ≤
// rejection_high, low 1/high unless given; of the others rejection_high is on
// the value itself, and there is no rejection_low. rejection_high has no
// default. Criteria with bounds of their own are joined by [Correction.With].
// Source: verl's rollout correction (rollout_rs).
func NewRejection(modes string, config map[string]float64) (*Correction, error) {
	const op = "rejection"
	for _, k := range slices.Sorted(maps.Keys(config)) {
		if k != keyRejectionLow && k != keyRejectionHigh {
			return nil, invalid(op, "got %s, want %s or %s", k, keyRejectionLow, keyRejectionHigh)
		}
		if v := config[k]; !finite(v) || v <= 0 {
			return nil, invalid(op, "%s: got %v, want above 0", k, v)
		}
	}
	high, ok := config[keyRejectionHigh]
	if !ok {
		return nil, invalid(op, "got no %s, want a number: it has no default", keyRejectionHigh)
	}
	low, hasLow := config[keyRejectionLow]
	var all *Correction
	ratios := false
	for mode := range strings.SplitSeq(modes, ",") {
		mode = strings.TrimSpace(mode)
		if !slices.Contains(rejections, mode) {
			return nil, unknown(op, "criterion", mode, rejections)
		}
		over, kind := mode[:len(mode)-3], int(mode[len(mode)-1]-'0')
		r := &rejection{over: strings.TrimPrefix(over, "seq_"), kind: kind, high: high}
		if kind == 1 {
			ratios = true
			if r.low = low; !hasLow {
				r.low = 1 / high
			}
			if r.low > high {
				return nil, invalid(op, "got %s %v above %s %v, want bounds on the ratio, low before high", keyRejectionLow, r.low, keyRejectionHigh, high)
			}
		}
		all = all.With(&Correction{name: mode, low: r.low, high: high, reject: r})
	}
	if hasLow && !ratios {
		return nil, invalid(op, "got %s, which only criteria with k1 have", keyRejectionLow)
	}
	return all, nil
}

// weigh sets what is rejected to 0 in keep.
func (r *rejection) weigh(t *tile, mask, old, sampling, keep []float32) (rejected int) {
	n, sum, most := 0.0, 0.0, 0.0
	s := Span{Mask: mask}
	for lo := 0; lo < len(mask); lo += tileLen {
		hi := min(lo+tileLen, len(mask))
		t.cut(&s, lo, hi)
		r.values(t, old[lo:hi], sampling[lo:hi])
		switch r.over {
		case "token":
			r.outside(t.u, t.value)
			rejected += int(t.count(t.u))
			unless(keep[lo:hi], t.u, keep[lo:hi])
		default:
			sum += kernel.Sum(t.value)
			kernel.NeTo(t.w, t.mask, scalar0)
			n += kernel.Sum(t.w)
			most = max(most, float64(kernel.Max(t.value)))
		}
	}
	value := sum
	switch r.over {
	case "token":
		return rejected
	case "mean":
		value /= max(1, n)
	case "max":
		value = most
	}
	low, high := r.bounds()
	if value >= low && value <= high || n == 0 {
		return 0
	}
	clear(keep)
	return int(n)
}

// bounds are those of the value.
func (r *rejection) bounds() (low, high float64) {
	if r.kind == 1 {
		return -math.Log(r.high), -math.Log(r.low)
	}
	return math.Inf(-1), r.high
}

// outside is 1 where value is outside the bounds.
func (r *rejection) outside(dst, value []float32) {
	low, high := r.bounds()
	above(dst, value, high)
	if r.kind == 1 {
		kernel.LtTo(value, value, []float32{float32(low)})
		kernel.OrTo(dst, dst, value)
	}
}

// values fills t.value with k1, k2 or k3, 0 where the mask is 0.
func (r *rejection) values(t *tile, p, q []float32) {
	t.ratios(p, q)
	switch r.kind {
	case 1:
		kernel.NegTo(t.value, t.d)
	case 2:
		kernel.MulTo(t.value, t.d, t.d)
		timesTo(t.value, t.value, 0.5)
	default:
		kernel.Expm1To(t.value, t.d)
		kernel.SubTo(t.value, t.value, t.d)
	}
}
