package loss

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Entropies is the entropy of each position's distribution, in nats, of logits
// [N, V]: what HighEntropyMask takes. 0 where mask is 0; nil is 1 everywhere.
func Entropies(logits *tensor.Tensor, mask []float32) ([]float64, error) {
	return perRow("entropies", logits, mask, func(p, lp []float64) float64 {
		h := 0.0
		for v, p := range p {
			if p > 0 {
				h -= p * lp[v]
			}
		}
		return h
	})
}

// SumSquares is Σ_v π_v² of each position's distribution, of logits [N, V]: what
// OTB takes. 0 where mask is 0; nil is 1 everywhere.
func SumSquares(logits *tensor.Tensor, mask []float32) ([]float64, error) {
	return perRow("sum_pi_squared", logits, mask, func(p, _ []float64) float64 {
		sum := 0.0
		for _, p := range p {
			sum += p * p
		}
		return sum
	})
}

// perRow is f of each position's probabilities and their logarithms.
func perRow(op string, logits *tensor.Tensor, mask []float32, f func(p, lp []float64) float64) ([]float64, error) {
	n, vocab, err := matrix(op, "logits", logits)
	if err != nil {
		return nil, err
	}
	if mask != nil && len(mask) != n {
		return nil, invalid(op, "mask: got %d values for %d positions", len(mask), n)
	}
	out, errs, data := make([]float64, n), make([]error, (n+rowsPerPart-1)/rowsPerPart), logits.Data()
	kernel.Parallel(len(errs), func(part int) {
		p, lp := make([]float64, vocab), make([]float64, vocab)
		for i := part * rowsPerPart; i < min(n, (part+1)*rowsPerPart); i++ {
			if mask != nil && mask[i] == 0 {
				continue
			}
			if _, errs[part] = logSoftmax(op, "logits", i, data[i*vocab:(i+1)*vocab], 1, p, lp); errs[part] != nil {
				return
			}
			out[i] = f(p, lp)
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// HighEntropyMask is 1 for the loss tokens whose entropy is at least the
// quantile 1 − rho of all loss tokens' entropies, 0 elsewhere: the policy
// gradient of the other tokens does little. The quantile lies between two
// entropies in proportion, so that about rho of the tokens are kept; equals at
// the border are all kept. rho 0 keeps the largest only, 1 all. Source: TRL's
// top_entropy_quantile (its paper, arXiv 2506.01939, has 0.2).
func HighEntropyMask(entropy []float64, mask []float32, rho float64) ([]float32, error) {
	const op = "high_entropy_mask"
	if mask != nil && len(mask) != len(entropy) {
		return nil, invalid(op, "mask: got %d values for %d entropies", len(mask), len(entropy))
	}
	if err := fraction(op, "rho", rho); err != nil {
		return nil, err
	}
	on := func(i int) bool { return mask == nil || mask[i] != 0 }
	var all []float64
	for i, h := range entropy {
		if !on(i) {
			continue
		}
		if math.IsNaN(h) || math.IsInf(h, 0) {
			return nil, invalid(op, "entropies: position %d: got %v, want a finite number", i+1, h)
		}
		all = append(all, h)
	}
	out := make([]float32, len(entropy))
	if len(all) == 0 {
		return out, nil
	}
	slices.Sort(all)
	at := (1 - rho) * float64(len(all)-1)
	if whole := math.Round(at); math.Abs(at-whole) < 1e-9 {
		at = whole // a rank, whatever rounding made of it
	}
	k := int(at)
	border := all[k]
	if rest := at - float64(k); rest > 0 {
		border += rest * (all[k+1] - all[k])
	}
	for i, h := range entropy {
		if on(i) && h >= border {
			out[i] = 1
		}
	}
	return out, nil
}

// Aux is the load-balancing loss of a router, coef·E·Σ_e f_e·P_e over the
// positions whose mask is not 0, of its logits [N, E]: P_e is the mean
// probability of expert e, f_e how many of the positions have it among their k
// most likely, as a share, so that it is coef·k where all experts are used
// alike. Equals are ranked by their number. f has no gradient. nil is a mask of
// 1 everywhere. The metric is balance, the loss without coef. Source:
// transformers' load_balancing_loss_func, k 2, which OpenRLHF uses; for k 1
// Switch, arXiv 2101.03961.
func Aux(logits *tensor.Tensor, mask []float32, k int, coef float64) (*tensor.Tensor, map[string]float64, error) {
	const op = "aux"
	n, experts, err := checkAux(logits, mask, k, coef)
	if err != nil {
		return nil, nil, err
	}
	data, p, lp := logits.Data(), make([]float64, n*experts), make([]float64, experts)
	share, mean, order := make([]float64, experts), make([]float64, experts), make([]int, 0, k)
	rows := 0.0
	for i := range n {
		if mask != nil && mask[i] == 0 {
			continue
		}
		rows++
		row := p[i*experts : (i+1)*experts]
		if _, err := logSoftmax(op, "logits", i, data[i*experts:(i+1)*experts], 1, row, lp); err != nil {
			return nil, nil, err
		}
		for _, e := range largest(order, lp, k) {
			share[e]++
		}
		for e, v := range row {
			mean[e] += v
		}
	}
	balance := 0.0
	for e := range share {
		share[e] /= max(1, rows)
		balance += float64(experts) * share[e] * mean[e] / max(1, rows)
	}
	grad := make([]float32, n*experts)
	for i := range n {
		if mask != nil && mask[i] == 0 {
			continue
		}
		row, dot := p[i*experts:(i+1)*experts], 0.0
		for e, v := range row {
			dot += share[e] * v
		}
		for e, v := range row {
			grad[i*experts+e] = float32(coef * float64(experts) / rows * v * (share[e] - dot))
		}
	}
	out := tensor.Fused(op, coef*balance, []*tensor.Tensor{logits}, [][]float32{grad})
	return out, map[string]float64{"balance": balance}, out.Err()
}

// checkAux checks what Aux is a function of.
func checkAux(logits *tensor.Tensor, mask []float32, k int, coef float64) (n, experts int, err error) {
	const op = "aux"
	n, experts, err = matrix(op, "logits", logits)
	switch {
	case err != nil:
	case mask != nil && len(mask) != n:
		err = invalid(op, "mask: got %d values for %d positions", len(mask), n)
	case k < 1 || n > 0 && k > experts:
		err = invalid(op, "top_k: got %d, want 1 to %d", k, experts)
	case !(coef >= 0) || math.IsInf(coef, 0):
		err = invalid(op, "coef: got %v, want at least 0", coef)
	}
	return n, experts, err
}
