package loss

import "math"

// A Layout says where the tokens of datums lie: datum d has the positions
// Offsets[d] to Offsets[d+1], half-open, and those with a Mask other than 0 are
// its loss tokens. Nothing is read at the others.
type Layout struct {
	Offsets []int     // [D+1] from 0, never falling
	Mask    []float32 // [N]
}

// Layout is that of the batch.
func (b *Batch) Layout() Layout { return Layout{Offsets: b.Packed.Offsets, Mask: b.Packed.Mask} }

// Len is the number of datums.
func (a Layout) Len() int { return max(0, len(a.Offsets)-1) }

// Tokens is the number of positions.
func (a Layout) Tokens() int { return len(a.Mask) }

// check finds what is wrong with a, and with lists that have one value for
// each position.
func (a Layout) check(op string, lists map[string][]float64) error {
	for d := range a.Offsets {
		if d == 0 && a.Offsets[0] != 0 || d > 0 && a.Offsets[d] < a.Offsets[d-1] {
			return invalid(op, "offsets: got %d in place %d, want them to start at 0 and never to fall", a.Offsets[d], d+1)
		}
	}
	if n := a.Offsets; len(n) == 0 && len(a.Mask) > 0 || len(n) > 0 && n[len(n)-1] != len(a.Mask) {
		return invalid(op, "offsets: want them to end at %d, the number of positions", len(a.Mask))
	}
	for _, name := range []string{"values", "logprobs", "sum_pi_squared", "weights", "teacher", "sampling_logprobs", "ref_logprobs"} {
		x, given := lists[name]
		if !given {
			continue
		}
		if len(x) != len(a.Mask) {
			return invalid(op, "%s: got %d values for %d positions", name, len(x), len(a.Mask))
		}
		for i, m := range a.Mask {
			if m != 0 && (math.IsNaN(x[i]) || math.IsInf(x[i], 0)) {
				return invalid(op, "%s: position %d: got %v, want a finite number", name, i+1, x[i])
			}
		}
	}
	return nil
}

// backwards calls f with the positions of datum d that are loss tokens, from the
// last to the first.
func (a Layout) backwards(d int, f func(i int)) {
	for i := a.Offsets[d+1] - 1; i >= a.Offsets[d]; i-- {
		if a.Mask[i] != 0 {
			f(i)
		}
	}
}

// count is the loss tokens of datum d.
func (a Layout) count(d int) int {
	n := 0
	a.backwards(d, func(int) { n++ })
	return n
}

// tokenRewards are rewards for each position: given as such, or one for each
// datum, which goes to its last loss token. A datum without any has none.
func (a Layout) tokenRewards(op string, reward []float64) ([]float64, error) {
	n, datums := a.Tokens(), a.Len()
	out := reward
	switch len(reward) {
	case n:
	case datums:
		out = make([]float64, n)
		for d, r := range reward {
			last := true
			a.backwards(d, func(i int) {
				if last {
					out[i], last = r, false
				}
			})
		}
	default:
		return nil, invalid(op, "rewards: got %d, want %d for the positions or %d for the datums", len(reward), n, datums)
	}
	for i, m := range a.Mask {
		if m != 0 && (math.IsNaN(out[i]) || math.IsInf(out[i], 0)) {
			return nil, invalid(op, "rewards: position %d: got %v, want a finite number", i+1, out[i])
		}
	}
	return out, nil
}

// whiten is (x − μ)/sqrt(σ² + 1e-8) over the loss tokens, σ² divided by their
// number less one; 0 where there are fewer than 2.
func (a Layout) whiten(x []float64) {
	var n, mean float64
	for i, m := range a.Mask {
		if m != 0 {
			n++
			mean += x[i]
		}
	}
	mean /= max(1, n)
	squares := 0.0
	for i, m := range a.Mask {
		if m != 0 {
			squares += (x[i] - mean) * (x[i] - mean)
		}
	}
	scale := 0.0
	if n >= 2 {
		scale = 1 / math.Sqrt(squares/(n-1)+1e-8)
	}
	for i, m := range a.Mask {
		if m != 0 {
			x[i] = (x[i] - mean) * scale
		}
	}
}

// fraction checks a discount or the like.
func fraction(op, name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return invalid(op, "%s: got %v, want 0 to 1", name, v)
	}
	return nil
}

// GAE is generalised advantage estimation: δ_t = r_t + γ·V_{t+1} − V_t and A_t
// = δ_t + γλ·A_{t+1} over the loss tokens of a datum, V and A being 0 after the
// last. Positions between them, as of a tool's answer, hand V and A on as they
// are. returns is A + V, what a value model is trained towards. whiten makes
// the advantages, not the returns, of mean 0 and variance 1 over the batch.
// reward has a value for each position, or for each datum, at whose last token
// it is then given. Both results are [N], 0 at positions that are no loss
// token. Source: verl's core_algos.py, γ 1, λ 1, whitened; arXiv 1506.02438.
func GAE(at Layout, reward, values []float64, gamma, lambda float64, whiten bool) (advantages, returns []float64, err error) {
	const op = "gae"
	if err := fraction(op, "lambda", lambda); err != nil {
		return nil, nil, err
	}
	reward, err = at.gaeInputs(op, reward, values, gamma)
	if err != nil {
		return nil, nil, err
	}
	advantages = at.gae(reward, values, gamma, func(int) float64 { return lambda })
	returns = at.plus(advantages, values)
	if whiten {
		at.whiten(advantages)
	}
	return advantages, returns, nil
}

// VAPO is GAE with one λ for the returns and another, by length, for the
// advantages: 1 − 1/(α·T) of a datum with T loss tokens, at least 0; lambda
// where alpha is 0. Source: NeMo RL's advantage_estimator.py, whose recipes
// have lambdaValue 1 and alpha 0.05; arXiv 2504.05118.
func VAPO(at Layout, reward, values []float64, gamma, lambdaValue, lambda, alpha float64, whiten bool) (advantages, returns []float64, err error) {
	const op = "vapo_gae"
	if err := fraction(op, "lambda_value", lambdaValue); err != nil {
		return nil, nil, err
	}
	if err := fraction(op, "lambda", lambda); err != nil {
		return nil, nil, err
	}
	if !(alpha >= 0) || math.IsInf(alpha, 0) {
		return nil, nil, invalid(op, "alpha: got %v, want at least 0", alpha)
	}
	reward, err = at.gaeInputs(op, reward, values, gamma)
	if err != nil {
		return nil, nil, err
	}
	returns = at.plus(at.gae(reward, values, gamma, func(int) float64 { return lambdaValue }), values)
	advantages = at.gae(reward, values, gamma, func(d int) float64 {
		if alpha == 0 {
			return lambda
		}
		return 1 - 1/max(1, alpha*float64(at.count(d)))
	})
	if whiten {
		at.whiten(advantages)
	}
	return advantages, returns, nil
}

// gaeInputs checks what GAE and VAPO have in common and gives token rewards.
func (a Layout) gaeInputs(op string, reward, values []float64, gamma float64) ([]float64, error) {
	if err := a.check(op, map[string][]float64{"values": values}); err != nil {
		return nil, err
	}
	if err := fraction(op, "gamma", gamma); err != nil {
		return nil, err
	}
	return a.tokenRewards(op, reward)
}

// gae is the recursion over each datum, with its own λ.
func (a Layout) gae(reward, values []float64, gamma float64, lambda func(d int) float64) []float64 {
	out := make([]float64, a.Tokens())
	for d := range a.Len() {
		l, next, last := lambda(d), 0.0, 0.0
		a.backwards(d, func(i int) {
			last = reward[i] + gamma*next - values[i] + gamma*l*last
			next, out[i] = values[i], last
		})
	}
	return out
}

// plus is x + y at the loss tokens, 0 elsewhere.
func (a Layout) plus(x, y []float64) []float64 {
	out := make([]float64, a.Tokens())
	for i, m := range a.Mask {
		if m != 0 {
			out[i] = x[i] + y[i]
		}
	}
	return out
}
