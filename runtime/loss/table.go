package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A Kind is what a row of the table works on, and so how it is called.
type Kind string

// The kinds.
const (
	KindAdvantage   Kind = "advantage"   // makes advantages, rewards or masks
	KindTokens      Kind = "tokens"      // a TokenLoss of a batch
	KindPairs       Kind = "pairs"       // a PairLoss of a batch
	KindAnswers     Kind = "answers"     // an AnswerLoss of a batch
	KindLogits      Kind = "logits"      // a function of logits [N, V]
	KindValues      Kind = "values"      // a function of a value model's predictions [N]
	KindScores      Kind = "scores"      // a function of a reward model's scores [P]
	KindController  Kind = "controller"  // the next value of a coefficient
	KindCorrection  Kind = "correction"  // the option correction of a loss of tokens
	KindAggregation Kind = "aggregation" // the option aggregate of a loss of tokens
)

// A Row is one entry of the table of everything this package computes.
//
// In formulas ℓ is the policy's logprob of a token, q the sampling policy's, p
// the old policy's where it is another, d = ℓ − q, r = exp d, A the advantage,
// R the reward, T a datum's loss tokens, sg(x) x held constant; x is Σ(ℓ −
// ℓ_ref) over an answer, c and r in an index the chosen and the rejected one,
// Δ = x_c − x_r.
type Row struct {
	Section string // "B4": a letter for the table, a number for the row
	Name    string // as it is called; with a prefix "kl." in the module kl
	Kind    Kind
	Formula string
	Source  string // the library whose code the formula is that of
	Default string // the options with their defaults, and the aggregation, to read

	// What Table fills in for the losses of a batch.
	Options     map[string]float64 // with their defaults
	Aggregation Aggregation        // where nothing else is asked for; "" for other kinds than tokens
	Sampling    bool               // needs the sampling policy's logprobs
	Reference   bool               // needs a reference's logprobs
	Reward      bool               // needs rewards: at least to tell the better answer where Extra does not
	Extra       []string           // the fields of Extra it reads
	State       bool               // remembers something from batch to batch: see AnswerLoss.State
}

// Call is how the row is called from a script.
func (r Row) Call() string {
	switch r.Kind {
	case KindAdvantage:
		if r.Name != "high_entropy_mask" { // of entropies, not of rewards
			return "loss.advantages." + r.Name
		}
	case KindCorrection:
		if r.Name == "rejection" {
			return "rejection = " + strconv.Quote(rejections[0])
		}
		return "correction = " + strconv.Quote(r.Name)
	case KindAggregation:
		return "aggregate = " + strconv.Quote(r.Name)
	}
	return "loss." + r.Name
}

// Table is every row, in the order of the sections. Options and Extra are not
// to be changed.
func Table() []Row { return slices.Clone(table()) }

var table = sync.OnceValue(func() []Row {
	rows := slices.Concat(advantageRows, policyRows, regulariserRows, preferenceRows, aggregationRows)
	for i := range rows {
		rows[i].Default = rows[i].defaults()
		rows[i].complete()
	}
	return rows
})

// Find is the row of that name, of a kind when several have it (grpo is an
// estimator and a loss).
func Find(name string, kinds ...Kind) (Row, bool) {
	for _, r := range table() {
		if r.Name == name && (len(kinds) == 0 || slices.Contains(kinds, r.Kind)) {
			return r, true
		}
	}
	return Row{}, false
}

// defaults writes a row's options; those of rows that are no options table of
// this package are in Default already.
func (r Row) defaults() string {
	var parts []string
	add := func(options map[string]float64) {
		for _, k := range slices.Sorted(maps.Keys(options)) {
			v := strconv.FormatFloat(options[k], 'g', 6, 64)
			if math.IsNaN(options[k]) {
				v = "needed"
			}
			parts = append(parts, k+" "+v)
		}
	}
	switch r.Kind {
	case KindTokens:
		add(specs[r.Name].defaults)
		if sp, ok := specs[r.Name]; ok {
			a := sp.aggregate
			if a == "" {
				a = Sum
			}
			parts = append(parts, "aggregate "+string(a))
		}
	case KindPairs, KindAnswers:
		add(defaults(r.Name))
	case KindLogits:
		add(distributionSpecs[r.Name].defaults)
	case KindValues:
		add(valueSpecs[r.Name].defaults)
	case KindCorrection:
		add(corrections[r.Name])
	case KindAdvantage:
		if info, ok := estimators[r.Name]; ok {
			add(info.Options)
			if info.Choice != "" {
				parts = append(parts, info.Choice+" "+info.Choices[0])
			}
		}
	}
	if r.Default != "" {
		parts = append(parts, r.Default)
	}
	return strings.Join(parts, ", ")
}

// complete fills in what the losses themselves know.
func (r *Row) complete() {
	switch r.Kind {
	case KindTokens:
		sp := specs[r.Name]
		r.Options, r.Aggregation = maps.Clone(sp.defaults), sp.aggregate
		if r.Aggregation == "" {
			r.Aggregation = Sum
		}
		r.Sampling, r.Reference, r.Reward = sp.sampling, sp.reference, sp.reward
	case KindPairs:
		sp := pairSpecs[r.Name]
		r.Options, r.Reference, r.Reward = maps.Clone(sp.defaults), sp.reference, true
		r.Extra = []string{extraPair, extraChosen}
		if sp.want.gold {
			r.Extra = append(r.Extra, extraGold)
		}
		if sp.want.fromReference {
			r.Extra = append(r.Extra, extraFromReference)
		}
	case KindAnswers:
		sp := answerSpecs[r.Name]
		r.Options, r.Reference = maps.Clone(sp.defaults), sp.reference
		_, r.State = sp.defaults[keyUpdate]
		switch r.Name {
		case "nash_md":
			r.Extra = []string{extraWin}
		case "a2po":
			r.Extra, r.Reward = []string{extraValue}, true
		default:
			r.Extra, r.Reward = []string{extraDesirable}, true
		}
		r.Extra = append(r.Extra, extraMismatched)
	case KindLogits:
		if sp, ok := distributionSpecs[r.Name]; ok { // not aux
			r.Options, r.Aggregation = maps.Clone(sp.defaults), TokenMean
		}
	case KindValues:
		r.Options = maps.Clone(valueSpecs[r.Name].defaults)
		r.Aggregation = TokenMean
	}
}

// needs says of the kinds that no batch of a service can be made into what
// they are a function of.
var needs = map[Kind]string{
	KindLogits: "the logits of every token of the vocabulary",
	KindValues: "the predictions of a value model",
	KindScores: "the scores of a reward model",
}

// Needs is what the loss of that name needs beside what a forward pass of a
// service returns, "" for nothing: such a loss is a function of tensors, and
// cannot be made a custom loss by its name.
func Needs(name string) string {
	if name == "aux" {
		return "the logits of the model's routers"
	}
	if r, ok := Find(name, KindLogits, KindValues, KindScores); ok {
		return needs[r.Kind]
	}
	return ""
}

// NeedsDistribution reports whether the loss of that name is a function of
// whole distributions, which a service does not return.
func NeedsDistribution(name string) bool {
	_, ok := Find(name, KindLogits)
	return ok
}

// instead names what can be used on a service in place of a loss that needs
// more than it returns.
var instead = map[string]string{
	"kl.exact":      "kl.k3_score, whose value and gradient are the divergence's in the mean",
	"kd_forward":    "cross_entropy on answers of the teacher",
	"kd_reverse":    "minillm or advantages.opd, with the teacher as reference",
	"kd_sym":        "minillm or advantages.opd, with the teacher as reference",
	"gkd_jsd":       "minillm or advantages.opd, with the teacher as reference",
	"sdft_topk":     "minillm or advantages.opd, with the teacher as reference",
	"bt_rm":         "dpo, whose reward model is the policy itself",
	"bt_rm_logexp":  "dpo, whose reward model is the policy itself",
	"entropy_bonus": "an advantage with − log p added, whose mean is the entropy",
}

// BatchLoss is what the losses of a batch have in common, whatever their kind.
type BatchLoss interface {
	Name() string
	Config() map[string]float64
	UsesReference() bool
	// Check finds what is wrong with s whatever the batch is.
	Check(s Settings) error
	// Ready finds what a batch lacks for the loss, for hud.CustomOptions.Check: a
	// reference, pairs, what its extras should say.
	Ready(s Settings) func(p *hud.Packed) error
	// Loss is the loss of the batch as a tensor, with its metrics.
	Loss(b *Batch, s Settings) (*tensor.Tensor, map[string]float64, error)
}

// NewBatchLoss is the loss of that name, of tokens, pairs or answers. One that
// needs more than a service's forward pass returns is refused.
func NewBatchLoss(name string, config map[string]float64) (BatchLoss, error) {
	if what := Needs(name); what != "" {
		e := &hud.Error{Op: name, Code: hud.CodeValidation,
			Detail: fmt.Sprintf("needs %s, which the forward pass of a service does not return", what),
			Hint:   fmt.Sprintf("call loss.%s with tensors you computed yourself", name)}
		if other := instead[name]; other != "" {
			e.Hint += "; on a service use " + other
		}
		return nil, e
	}
	if _, ok := pairSpecs[name]; ok {
		return NewPair(name, config)
	}
	if _, ok := answerSpecs[name]; ok {
		return NewAnswers(name, config)
	}
	return New(name, config)
}
