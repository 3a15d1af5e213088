package loss

import "math"

// OTB is the optimal token baseline: A_t = G_t − Σ_i G_t·W_t/(Σ_i W_t + eps)
// over the datums of a group that still have a t-th loss token, with G_t the
// rewards from t on and W_t = Σ_{j≤t}(1 − 2π_j + Σ_v π_v²), how much the path so
// far depends on chance. logprobs are those of the tokens, sumSquares Σ_v π_v²
// of each distribution, which no service returns: see SumSquares. weights,
// which may be nil, are importance weights, whose squares scale the addends of
// W. A datum alone in its group has no baseline. With zeroTail neither has the
// longest datum of a group beyond the length of the second longest. reward is
// as for GAE; the result is [N]. Source: verl's core_algos.py, eps 1e-8,
// zeroTail; arXiv 2602.07078. t counts loss tokens, where verl counts
// positions: the same for answers without gaps.
func OTB(x Layout, reward, logprobs, sumSquares, weights []float64, group []int, eps float64, zeroTail bool) ([]float64, error) {
	const op = "otb"
	lists := map[string][]float64{"logprobs": logprobs, "sum_pi_squared": sumSquares}
	if weights != nil {
		lists["weights"] = weights
	}
	if err := x.check(op, lists); err != nil {
		return nil, err
	}
	reward, err := x.tokenRewards(op, reward)
	if err != nil {
		return nil, err
	}
	if group != nil && len(group) != x.Len() {
		return nil, invalid(op, "group_idx: got %d values for %d datums", len(group), x.Len())
	}
	if !(eps > 0) || math.IsInf(eps, 0) {
		return nil, invalid(op, "eps: got %v, want above 0", eps)
	}
	out := make([]float64, x.Tokens())
	// The rewards from each loss token on, and the weights up to it.
	positions, w := make([][]int, x.Len()), make([]float64, x.Tokens())
	groups := map[int][]int{}
	for d := range positions {
		sum := 0.0
		x.backwards(d, func(i int) {
			sum += reward[i]
			out[i] = sum
		})
		sum = 0
		for i := x.Offsets[d]; i < x.Offsets[d+1]; i++ {
			if x.Mask[i] == 0 {
				continue
			}
			add := 1 - 2*math.Exp(logprobs[i]) + sumSquares[i]
			if weights != nil {
				add *= weights[i] * weights[i]
			}
			sum += add
			w[i] = sum
			positions[d] = append(positions[d], i)
		}
		groups[at(group, d)] = append(groups[at(group, d)], d)
	}
	for _, datums := range groups {
		if len(datums) < 2 {
			continue
		}
		longest, second, owner := 0, 0, -1
		for _, d := range datums {
			switch n := len(positions[d]); {
			case n > longest:
				longest, second, owner = n, longest, d
			case n > second:
				second = n
			}
		}
		if longest == second {
			owner = -1
		}
		for t := range longest {
			var up, down float64
			for _, d := range datums {
				if t < len(positions[d]) {
					i := positions[d][t]
					up += out[i] * w[i]
					down += w[i]
				}
			}
			baseline := up / (down + eps)
			for _, d := range datums {
				if t < len(positions[d]) && !(zeroTail && d == owner && t >= second) {
					out[positions[d][t]] -= baseline
				}
			}
		}
	}
	return out, nil
}

// OPD is on-policy distillation as an advantage: log π_teacher − log π_student
// of each sampled token, held constant; its mean is minus the divergence
// KL(student‖teacher). 0 at positions that are no loss token. Source: NeMo RL's
// advantage_estimator.py (MOPD, arXiv 2601.02780).
func OPD(x Layout, teacher, student []float64) ([]float64, error) {
	if err := x.check("opd", map[string][]float64{"teacher": teacher, "logprobs": student}); err != nil {
		return nil, err
	}
	out := make([]float64, x.Tokens())
	for i, m := range x.Mask {
		if m != 0 {
			out[i] = teacher[i] - student[i]
		}
	}
	return out, nil
}

// KLInAdvantage adds to an advantage, one for each datum or each position, how
// far a token's kl = q − ℓ_ref is below the mean over all loss tokens, times
// beta. A discount above 0 takes the discounted sum of this over the token and
// all positions after it in the datum. 0 at positions that are no loss token.
// Source: tinker-cookbook's rl/metrics.py (incorporate_kl_penalty).
func KLInAdvantage(x Layout, advantage, sampling, reference []float64, beta, discount float64) ([]float64, error) {
	const op = "kl_in_advantage"
	if err := x.check(op, map[string][]float64{"sampling_logprobs": sampling, "ref_logprobs": reference}); err != nil {
		return nil, err
	}
	if !(beta >= 0) || math.IsInf(beta, 0) {
		return nil, invalid(op, "beta: got %v, want at least 0", beta)
	}
	if err := fraction(op, "discount", discount); err != nil {
		return nil, err
	}
	n, datums := x.Tokens(), x.Len()
	if len(advantage) != n && len(advantage) != datums {
		return nil, invalid(op, "advantage: got %d values, want %d for the positions or %d for the datums", len(advantage), n, datums)
	}
	var mean, count float64
	for i, m := range x.Mask {
		if m != 0 {
			count++
			mean += sampling[i] - reference[i]
		}
	}
	mean /= max(1, count)
	out := make([]float64, n)
	for d := range datums {
		later := 0.0
		for i := x.Offsets[d+1] - 1; i >= x.Offsets[d]; i-- {
			later *= discount
			if x.Mask[i] == 0 {
				continue
			}
			later += beta * (mean - (sampling[i] - reference[i]))
			if len(advantage) == n {
				out[i] = advantage[i] + later
			} else {
				out[i] = advantage[d] + later
			}
		}
	}
	return out, nil
}
