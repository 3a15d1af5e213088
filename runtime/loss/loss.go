// Package loss is policy losses, advantage estimators and aggregations: each
// loss computes its value and its gradient in one pass over flat slices.
//
// Notation: ℓ is the current policy's logprob of a token, q the sampling
// policy's, d = ℓ − q, r = exp d, A the advantage, m the loss mask. Losses are
// minimised. Masking is by selection: a position whose mask is 0 is not looked
// at, whatever it holds.
//
// Four ways to use one:
//
//   - [Builtin] and [TokenLoss.Eval] over slices, as a training service does;
//     [TokenLoss.EvalSpan] where a loss needs more than a service has;
//   - [TokenLoss.Loss] on a [Batch], as a tensor that joins a graph;
//   - [TokenLoss.Tokens], [PairLoss.Pairs] and [AnswerLoss.Answers], the same
//     written with tensor operations: what the loss adds up, for arithmetic of
//     one's own, and [Batch.Aggregate] to add it up;
//   - [Custom] turns any loss written with tensors into what
//     hud.TrainingClient.ForwardBackwardCustom takes, and [AsCustom] does so
//     with a loss of this package.
//
// A [PairLoss] compares two answers to a prompt instead, an [AnswerLoss] looks
// at each alone; a [DistributionLoss] is of logits, a [ValueLoss] of a value
// model's predictions. [Estimate] makes advantages of rewards, [GAE] and others
// one for each token; a [Correction] weighs the tokens of any loss; an
// [Aggregation] says what they are divided by. [Table] is all there is, with
// formulas and sources, and [Check] tries a loss of one's own.
//
// # Accuracy
//
// Losses of tokens are computed in float32 by vector kernels, a tile at a time,
// sums in float64, and within 1e-6·max(1, |x|) of [TokenLoss.EvalExact], which
// computes everything in float64, for each token and √n times as much for the
// sum of n. A datum whose log-ratios leave ±20, or that is not finite, is left
// to EvalExact. A datum's bits depend on nothing but the datum: neither on the
// others nor on the number of cores.
//
// # Conventions of the names
//
// cross_entropy, importance_sampling, ppo, cispo and dro are those of the
// Tinker and HUD services: summed over tokens, with absolute bounds on the
// ratio (clip_low_threshold, clip_high_threshold), not offsets from 1. A low
// bound of 0 or less bounds nothing, as no ratio is below 0.
//
// The other losses have their field's name, and its default aggregation. Where
// libraries disagree about a name's formula, the loss says whose it is. Bounds
// are absolute here too, whatever a library's own option means by a number;
// [Bounds] takes offsets from 1 instead, and the key epsilon is short for the
// offsets 1−ε and 1+ε. A log-ratio is limited to ±20 before it is
// exponentiated, and has no gradient beyond, so that value and gradient are
// finite wherever ℓ and q are; the services' five and glm_double_sided follow
// their services and limit nothing.
//
// # Where libraries agree about a name and not about the formula
//
//   - cispo: verl, SkyRL and NeMo RL bound the ratio by offsets from 1, TRL only
//     from above and by an absolute number, Tinker and this package by absolute
//     numbers, 0 and 4.
//   - dr_grpo: TRL, and this package, divide by the number of datums times the
//     longest answer, verl by the longest answer only.
//   - grpo's advantage: eps is 1e-6 in verl (grpo) and 1e-4 in TRL (grpo_trl); a
//     group of one has A = R in verl and 0 in TRL.
//   - rollout_is: SkyRL describes its gradient as cispo's; it drops tokens
//     outside, which cispo bounds.
//   - rloo is R minus the mean of the others in verl, SkyRL and TRL; NeMo RL's
//     grpo_loo also divides by the others' deviation, where that is not 0.
//   - maxrl: prime-rl gives 0 where the mean is not above 0, SkyRL adds an eps
//     and keeps R in a group of one (form "skyrl").
//   - gspo: TRL, and this package, differentiate through the sequence's ratio;
//     verl's form is gspo_token. With one advantage per sequence they agree.
//   - luspo and gspo: the mean over sequences of one ratio each, times the
//     sequence's tokens and not; dapo divides by the batch's tokens, grpo by
//     each sequence's, bnpo by those of the local batch in TRL and of whatever
//     denominator is given here.
//   - ipo is the preference loss, prime_ipo prime-rl's symmetric trust region.
//     TRL, and this package, take means over tokens in ipo; its paper has sums.
//   - cdpo and dpo_robust both smooth labels: the first mixes the two losses,
//     the second also divides by 1−2ε, so that it is unbiased.
//   - orpo and cpo add the mean over a chosen answer's tokens; TRL that over all
//     chosen answers of a batch.
//   - kto: the divergence is over answers to other prompts, as in TRL.
//   - dro is the services' direct reward optimisation, not the distributionally
//     robust one.
//   - kl_cov's share of tokens is 2e-4 in verl, and here, and 0.2 in SkyRL.
//   - dppo_kl: SkyRL has one pair of thresholds, 0.2, for both of its gates and
//     recommends 0.05 for this one, which is the default here; it adds 1e-8 to
//     the probabilities of other tokens, which are exact here.
//   - chord: Trinity-RFT makes μ from the step; here it is a number, and a
//     schedule the caller's.
//   - vapo_pos_nll: NeMo RL divides the term of rewards above 0 by its tokens in
//     each microbatch, and leaves corrections out of it; here it is by those of
//     the batch, or [Settings].PositiveDenominator, and a correction weighs the
//     whole of a token's loss.
//   - rejection: verl's sequence criteria sum log-ratios held within ±20 each, as
//     here; its weights of sequences (seq_tis) hold the sum only.
//   - kl.k3: verl holds x within ±20 and the value below 10, as here; TRL
//     neither.
//   - maxrl: prime-rl, and this package, give groups whose mean is not above 0
//     no advantage; SkyRL (form skyrl) divides by mean + 1e-6 whatever its sign.
//   - gae: verl, and this package, whiten the advantages over the batch; in NeMo
//     RL that is an option.
//   - value_mse: ½·scale·(V − R)² in NeMo RL and here; many call (V − R)² so.
//   - kd_forward: torchtune leaves out the teacher's entropy, which has no
//     gradient, and drops tokens that one side excludes; here the divergence is
//     whole, and infinite there, which is an error.
//   - sdft_topk: TRL leaves the tokens outside the top k out unless it is told
//     to add a bucket of them, which is the default here.
//   - minillm: TRL's code lets the gradient run through the advantage and, not
//     normalised, multiplies it by γ^t; here it is its paper's: constant, and
//     without that factor.
//   - tpo, cpo, orpo: the mean logprob of an answer is over its own tokens; TRL
//     takes it over all such tokens of a batch.
//   - mask_truncated: TRL leaves what is cut off in the count of answers; here
//     a denominator can take it out.
//
// A sequence is one datum. A loss with one ratio per sequence gives all its
// tokens the same value, so that the aggregations mean the same for all losses.
package loss

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/hud"
)

// Sums is what a loss adds up over the tokens it looked at.
type Sums struct {
	Loss    float64 // Σ of the token losses
	Tokens  int     // positions with a mask other than 0
	Clipped int     // of these, where the gradient is cut or limited by a bound
	Low     int     // of Clipped, by a lower bound; the others by an upper one
	Drift   Drift   // nothing for a loss that does not look at the sampling policy
}

func (s *Sums) add(o *Sums) {
	s.Loss += o.Loss
	s.Tokens += o.Tokens
	s.Clipped += o.Clipped
	s.Low += o.Low
	s.Drift.add(&o.Drift)
}

// A Span is one datum: a stretch of tokens that share an advantage. All slices
// have one length.
type Span struct {
	Logprobs  []float32 // ℓ
	Sampling  []float32 // q; may be nil where UsesSampling is false
	Reference []float32 // the reference's logprobs; may be nil where UsesReference is false
	Mask      []float32 // a value other than 0 and 1 multiplies the token's loss
	Weight    []float32 // multiplies as well, but a token of weight 0 still counts as one; nil is 1
	Advantage float64
	// Advantages is the advantage of each token in place of Advantage, or nil. Only
	// losses whose tokens are independent take it, see [TokenLoss.PerToken].
	Advantages []float32
	Reward     float64 // read where UsesReward is true
	Expert     bool    // an expert's answer, not the policy's own: for chord

	times    multiplier // of the gradient, for a loss that heeds it
	chosen   []float32  // what the loss's choose found, 0 or 1 for each token
	positive *float64   // what the term of rewards above 0 is multiplied by; nil is 1
}

// share is what the term of rewards above 0 is multiplied by.
func (s *Span) share() float64 {
	if s.positive == nil {
		return 1
	}
	return *s.positive
}

// scale is what multiplies the loss of token i, whose mask is m.
func (s *Span) scale(i int, m float32) float64 {
	if s.Weight == nil {
		return float64(m)
	}
	return float64(m) * float64(s.Weight[i])
}

// advantage is that of token i.
func (s *Span) advantage(i int) float64 {
	if s.Advantages == nil {
		return s.Advantage
	}
	return float64(s.Advantages[i])
}

// point is what a token's loss is computed from.
type point struct {
	l, q, ref, a, reward, share float64
	chosen, expert              bool
}

// A cut says which bound cut or limited a token's gradient.
type cut int8

const (
	uncut cut = iota
	cutLow
	cutHigh
)

// A tokenFunc is the loss of one token and its derivative with respect to ℓ.
type tokenFunc = func(x point) (value, slope float64, by cut)

// A spanFunc is the loss of a datum whose tokens depend on each other. It does
// what EvalExact does, without the drift; dlogprobs is 0 everywhere when it is
// called, or nil.
type spanFunc = func(s *Span, dlogprobs []float32) Sums

// A fastFunc is the loss of a datum with the kernels. It reports false where
// the datum has numbers they are not made for: then what it wrote is nothing.
type fastFunc = func(s *Span, dlogprobs []float32, sums *Sums) bool

// A TokenLoss is a loss whose value is a sum over the tokens of a datum, each
// with a value of its own or all with that of the sequence.
type TokenLoss struct {
	name   string
	config map[string]float64
	traits
	aggregate Aggregation
	token     tokenFunc // or
	span      spanFunc
	fast      fastFunc
	heeds     bool               // fast multiplies its gradient by the span's times
	signs     fastFunc           // fast with an advantage of each token
	choose    func(spans []Span) // fills chosen of every span of a batch
}

// Name is the loss's name.
func (t *TokenLoss) Name() string { return t.name }

// Config is every option with its value.
func (t *TokenLoss) Config() map[string]float64 { return maps.Clone(t.config) }

// Aggregation is how token losses are added up when nothing else is asked for.
func (t *TokenLoss) Aggregation() Aggregation { return t.aggregate }

// UsesSampling reports whether the loss looks at the sampling policy's
// logprobs: all but cross_entropy, reinforce and others without a ratio.
func (t *TokenLoss) UsesSampling() bool { return t.sampling }

// UsesReference reports whether the loss looks at a reference's logprobs.
func (t *TokenLoss) UsesReference() bool { return t.reference }

// UsesReward reports whether the loss looks at the reward itself.
func (t *TokenLoss) UsesReward() bool { return t.reward }

// UsesObservations reports whether the loss looks at observations (see
// Settings.Observation) instead of the tokens of the mask.
func (t *TokenLoss) UsesObservations() bool { return t.observations }

// PerToken reports whether the loss takes an advantage of each token: not if
// it has one ratio per sequence.
func (t *TokenLoss) PerToken() bool { return t.token != nil || t.perToken }

// UsesAdvantage reports whether the loss looks at the advantage.
func (t *TokenLoss) UsesAdvantage() bool { return t.advantage != ignored }

// ZeroWithoutAdvantage reports whether value and gradient of a token are 0
// wherever its advantage is, also where its ratio overflows: not for losses
// with a term beside it, as dro's quadratic one.
func (t *TokenLoss) ZeroWithoutAdvantage() bool { return t.advantage == factor }

// Clips reports whether the loss cuts tokens off or bounds their ratio, so
// that Sums.Clipped means something.
func (t *TokenLoss) Clips() bool { return t.clips }

// Detached reports whether the loss holds something that depends on ℓ
// constant, so that its gradient is not the derivative of its value.
func (t *TokenLoss) Detached() bool { return t.detached }

// Eval is EvalSpan for a loss that needs no reference and no reward, as the
// services' do.
func (t *TokenLoss) Eval(logprobs, sampling, mask []float32, advantage float64, dlogprobs []float32) Sums {
	return t.EvalSpan(&Span{Logprobs: logprobs, Sampling: sampling, Mask: mask, Advantage: advantage}, dlogprobs)
}

// EvalSpan computes the loss of one datum, and overwrites dlogprobs[i] with
// the derivative of the sum with respect to s.Logprobs[i]: 0 where the mask is
// 0. dlogprobs may be nil when only the value is wanted.
//
// It is computed with vector kernels in float32: each derivative is within
// 1e-6·max(1, |d|) of EvalExact's d, and the sum within √n times as much. A
// datum with a log-ratio beyond ±20, or anything that is not finite, is left to
// EvalExact.
func (t *TokenLoss) EvalSpan(s *Span, dlogprobs []float32) Sums {
	if t.choose != nil && s.chosen == nil {
		return t.alone(s, dlogprobs, (*TokenLoss).EvalSpan)
	}
	sums := sumsPool.Get().(*Sums)
	defer sumsPool.Put(sums)
	t.eval(s, dlogprobs, sums)
	return *sums
}

var sumsPool = sync.Pool{New: func() any { return new(Sums) }}

// eval is EvalSpan, and whether it was left to EvalExact. What the kernels
// compute is finite.
func (t *TokenLoss) eval(s *Span, dlogprobs []float32, sums *Sums) (exact bool) {
	fast := t.fast
	if s.Advantages != nil && t.token != nil {
		fast = t.signs
	}
	if fast != nil && fast(s, dlogprobs, sums) && finite(sums.Loss) {
		return false
	}
	*sums = t.EvalExact(s, dlogprobs)
	if f := s.times.of(sums.Tokens); f != 1 {
		kernel.Scale(f, dlogprobs)
	}
	return true
}

// A multiplier is what a gradient is multiplied by.
type multiplier struct {
	factor float64 // 0 is 1
	mean   bool    // also divided by the number of tokens
}

// before is what is known before the tokens are counted.
func (m multiplier) before() float32 {
	if m.factor == 0 || m.mean {
		return 1
	}
	return float32(m.factor)
}

// of is the factor of a datum with n tokens.
func (m multiplier) of(n int) float32 {
	if m.factor == 0 || !m.mean {
		return m.before()
	}
	return float32(m.factor / max(1, float64(n)))
}

// alone evaluates a datum as a batch of its own.
func (t *TokenLoss) alone(s *Span, dlogprobs []float32, eval func(*TokenLoss, *Span, []float32) Sums) Sums {
	spans := []Span{*s}
	spans[0].chosen = make([]float32, len(s.Mask))
	t.choose(spans)
	return eval(t, &spans[0], dlogprobs)
}

// EvalExact is EvalSpan computed in float64, token by token: each derivative
// is the exact one rounded once (2⁻²⁴ relative). It is what the kernels are
// held against, and some thirty times slower.
func (t *TokenLoss) EvalExact(s *Span, dlogprobs []float32) Sums {
	if t.choose != nil && s.chosen == nil {
		return t.alone(s, dlogprobs, (*TokenLoss).EvalExact)
	}
	var sums Sums
	if t.span != nil {
		clear(dlogprobs)
		sums = t.span(s, dlogprobs)
	} else {
		sums = t.tokens(s, dlogprobs)
	}
	if t.sampling && !s.Expert {
		sums.Drift = s.drift()
	}
	return sums
}

// tokens is EvalExact for a tokenFunc.
func (t *TokenLoss) tokens(s *Span, dlogprobs []float32) (sums Sums) {
	x := point{reward: s.Reward, share: s.share(), expert: s.Expert}
	for i, m := range s.Mask {
		if m == 0 {
			if dlogprobs != nil {
				dlogprobs[i] = 0
			}
			continue
		}
		x.l, x.a = float64(s.Logprobs[i]), s.advantage(i)
		if s.Sampling != nil {
			x.q = float64(s.Sampling[i])
		}
		if s.Reference != nil {
			x.ref = float64(s.Reference[i])
		}
		if s.chosen != nil {
			x.chosen = s.chosen[i] != 0
		}
		value, slope, by := t.token(x)
		sums.Tokens++
		switch by {
		case cutLow:
			sums.Clipped++
			sums.Low++
		case cutHigh:
			sums.Clipped++
		}
		scale := s.scale(i, m)
		if scale == 0 {
			value, slope = 0, 0 // by selection: what is dropped may be infinite
		}
		sums.Loss += scale * value
		if dlogprobs != nil {
			dlogprobs[i] = float32(scale * slope)
		}
	}
	return sums
}

// traits are what a loss does with its inputs.
type traits struct {
	sampling  bool // reads q
	reference bool // reads the reference's logprobs
	reward    bool // reads the reward
	positive  bool // has a term for rewards above 0 with denominators of its own
	advantage role
	clips     bool
	perToken  bool // takes an advantage of each token although it is no tokenFunc
	// observations take the place of the mask: tokens that are not the policy's.
	observations bool
	detached     bool // holds something that depends on ℓ constant
	// surviving tokens, those that still have a gradient, take the place of
	// the number of tokens in the aggregation token_mean.
	surviving bool
}

// A role is what the advantage is to a loss.
type role int

const (
	ignored role = iota // not read
	factor              // value and slope are 0 where it is
	term                // read, with other terms beside it
)

// A spec is one loss of the table.
type spec struct {
	traits
	defaults  map[string]float64
	short     bool        // knows epsilon, short for both thresholds
	aggregate Aggregation // "" is sum
	token     func(c map[string]float64) tokenFunc
	span      func(c map[string]float64) spanFunc
	fast      func(c map[string]float64) fastFunc
	pass      func(c map[string]float64) pieceFunc // or, for a loss that the kernel computes
	heeds     bool                                 // fast heeds the span's times
	choose    func(c map[string]float64) func(spans []Span)
	adapt     func(c map[string]float64, t *traits) // traits that depend on the configuration
}

// specs holds every loss.
var specs = func() map[string]spec {
	all := map[string]spec{}
	for _, table := range []map[string]spec{plainSpecs, clippedSpecs, gatedSpecs, sequenceSpecs, klSpecs, covSpecs, mixtureSpecs, imitationSpecs} {
		maps.Copy(all, table)
	}
	return all
}()

var builtins = []string{hud.LossCrossEntropy, hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO, hud.LossDRO}

// Builtins lists the losses a service must offer, in the protocol's order.
func Builtins() []string { return slices.Clone(builtins) }

// Names lists every loss of tokens, sorted; [PairNames] are those of pairs.
func Names() []string { return slices.Sorted(maps.Keys(specs)) }

// Builtin is the service's loss of that name. The config keys are
// clip_low_threshold and clip_high_threshold for ppo (0.8, 1.2) and cispo
// (0, 4), both absolute bounds on the ratio; epsilon for ppo, short for 1−ε
// and 1+ε; beta for dro (0.05). Errors are *hud.Error with code validation,
// and begin with the request's field, loss_fn or loss_fn_config.
func Builtin(name string, config map[string]float64) (*TokenLoss, error) {
	if !slices.Contains(builtins, name) {
		return nil, &hud.Error{Op: "loss_fn", Code: hud.CodeValidation, Hint: hud.Suggest(name, builtins),
			Detail: fmt.Sprintf("got %q, want one of %s", name, strings.Join(builtins, ", "))}
	}
	return configured("loss_fn_config", name, config)
}

// New is the loss of that name, built-in or not. Unknown config keys and
// values that are not finite are refused.
func New(name string, config map[string]float64) (*TokenLoss, error) {
	if _, ok := specs[name]; !ok {
		return nil, unknown("loss", "loss", name, slices.Sorted(slices.Values(slices.Concat(Names(), PairNames(), AnswerNames()))))
	}
	return configured(name, name, config)
}

// configured is a loss of the table; op begins the errors.
func configured(op, name string, config map[string]float64) (*TokenLoss, error) {
	sp := specs[name]
	c, err := complete(op, name, config)
	if err != nil {
		return nil, err
	}
	t := &TokenLoss{name: name, config: c, traits: sp.traits, aggregate: sp.aggregate}
	if sp.adapt != nil {
		sp.adapt(c, &t.traits)
	}
	if sp.span != nil {
		t.span = sp.span(c)
	} else {
		t.token = sp.token(c)
	}
	switch {
	case sp.fast != nil:
		t.fast, t.heeds = sp.fast(c), sp.heeds
	case sp.pass != nil:
		t.fast, t.heeds = onePass(t.traits, sp.pass(c)), true
	}
	if t.fast != nil && t.token != nil && t.advantage == factor {
		t.signs = bySign(t.fast)
	}
	if sp.choose != nil {
		t.choose = sp.choose(c)
	}
	if t.aggregate == "" {
		t.aggregate = Sum
	}
	return t, nil
}

func invalid(op, format string, args ...any) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf(format, args...)}
}

func unknown(op, kind, name string, known []string) error {
	e := &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("unknown %s %q", kind, name)}
	if s := hud.Suggest(name, known); s != "" {
		e.Detail += " (" + s + ")"
	}
	e.Hint = "there is " + strings.Join(known, ", ")
	return e
}
