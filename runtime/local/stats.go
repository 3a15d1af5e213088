package local

import (
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
)

// The metrics of a pass. Sums and means are over the action tokens of all
// datums; those that need the sampling policy's logprobs q are absent when no
// datum has them. p is the current policy's logprob.
const (
	metricLoss      = "loss:sum"
	metricTokens    = "tokens:sum"
	metricKL        = "kl_sample_train:mean" // mean q − p: KL(q‖π) estimated on samples from q
	metricRatio     = "ratio:max"            // largest exp(p − q)
	metricClipped   = "clip_fraction:mean"   // tokens whose ratio the loss clipped, of those of losses that clip
	metricEntropy   = "entropy_sampled:mean" // mean −q
	metricAdvantage = "advantage_abs:mean"   // mean |A|
	metricNoSpread  = "groups_no_spread:sum" // groups whose rewards are all equal
)

// datumStats are what one datum adds to the metrics of a pass.
type datumStats struct {
	tokens    int     // action tokens
	loss      float64 // sum
	absAdv    float64 // sum over action tokens
	clipped   int
	bounded   int     // action tokens of a loss with bounds on the ratio
	known     int     // action tokens with q
	q, kl     float64 // sums over known: q, and q − p
	maxRatio  float64
	bad       int // 1-based position of a token whose numbers broke, 0 for none
	badDetail string
}

// observe adds one action token.
func (s *datumStats) observe(p, q float64, known bool, adv float64) {
	s.tokens++
	s.absAdv += math.Abs(adv)
	if known {
		s.known++
		s.q += q
		s.kl += q - p
		s.maxRatio = max(s.maxRatio, min(math.Exp(p-q), math.MaxFloat64))
	}
}

// fail records the first token whose numbers broke.
func (s *datumStats) fail(position int, detail string) {
	if s.bad == 0 {
		s.bad, s.badDetail = position, detail
	}
}

// stepStats are sums over everything accumulated since the last step.
type stepStats struct {
	rewards  []float64 // raw, one per trajectory
	groupStd []float64 // one per group
	noSpread int
	datums   int
	inputs   int // tokens of all model inputs
	total    datumStats
	losses   []string
}

// describeRewards records a request's trajectories.
func (s *stepStats) describeRewards(rewards []float64, groupSize int) {
	s.rewards = rewards
	groups(len(rewards), groupSize, func(lo, hi int) {
		s.groupStd = append(s.groupStd, std(rewards[lo:hi]))
	})
}

// addDatums adds the datums of a batch in their order, so that the sums do not
// depend on who computed them first.
func (s *stepStats) addDatums(b *batch, stats []datumStats) {
	s.datums += b.len()
	s.inputs += len(b.tokens.Tokens)
	for _, d := range stats {
		s.total.add(d)
	}
}

func (s *datumStats) add(d datumStats) {
	s.tokens += d.tokens
	s.loss += d.loss
	s.absAdv += d.absAdv
	s.clipped += d.clipped
	s.bounded += d.bounded
	s.known += d.known
	s.q += d.q
	s.kl += d.kl
	s.maxRatio = max(s.maxRatio, d.maxRatio)
}

// merge adds the stats of another pass.
func (s *stepStats) merge(o stepStats) {
	s.rewards = append(s.rewards, o.rewards...)
	s.groupStd = append(s.groupStd, o.groupStd...)
	s.noSpread += o.noSpread
	s.datums += o.datums
	s.inputs += o.inputs
	s.total.add(o.total)
	for _, name := range o.losses {
		if !slices.Contains(s.losses, name) {
			s.losses = append(s.losses, name)
		}
	}
}

// metrics are those of one pass.
func (s *stepStats) metrics() map[string]float64 {
	t := &s.total
	n := float64(max(t.tokens, 1))
	m := map[string]float64{
		metricLoss:      t.loss,
		metricTokens:    float64(t.tokens),
		metricAdvantage: t.absAdv / n,
		metricNoSpread:  float64(s.noSpread),
	}
	if t.bounded > 0 {
		m[metricClipped] = float64(t.clipped) / float64(t.bounded)
	}
	if t.known > 0 {
		m[metricKL] = t.kl / float64(t.known)
		m[metricEntropy] = -t.q / float64(t.known)
		m[metricRatio] = t.maxRatio
	}
	return onlyFinite(m)
}

// checkpointMetrics are those of a step's checkpoint.
func (s *stepStats) checkpointMetrics() map[string]float64 {
	m := map[string]float64{}
	if len(s.rewards) > 0 {
		m["reward_std"] = std(s.rewards)
		m["reward_min"] = slices.Min(s.rewards)
		m["reward_max"] = slices.Max(s.rewards)
		m["within_group_reward_std"] = mean(s.groupStd)
	}
	t := &s.total
	if t.known > 0 {
		m["sampling_logprob_mean"] = t.q / float64(t.known)
		m["kl_sample_train"] = t.kl / float64(t.known)
		m["entropy_sampled"] = -t.q / float64(t.known)
	}
	if t.bounded > 0 {
		m["clip_fraction"] = float64(t.clipped) / float64(t.bounded)
	}
	return m
}

// onlyFinite drops what JSON cannot carry: sums of enormous rewards overflow.
func onlyFinite(m map[string]float64) map[string]float64 {
	maps.DeleteFunc(m, func(_ string, v float64) bool { return !finite(v) })
	return m
}

// result is what a pass answers.
func (s *stepStats) result() *hud.ForwardBackwardResult {
	return &hud.ForwardBackwardResult{Metrics: s.metrics(), NumDatums: s.datums}
}
