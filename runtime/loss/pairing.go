package loss

import (
	"fmt"

	"github.com/hudrl/hudrl/runtime/hud"
)

// The fields of a datum's Extra that say what an answer is to others. Truth is
// a boolean or a number other than 0.
const (
	extraPair          = "pair"           // the answers to one prompt have the same: a number or a string
	extraChosen        = "chosen"         // true for the better one
	extraGold          = "gold"           // true for a third one, to be imitated
	extraFromReference = "from_reference" // true for the one that the reference gave
	extraDesirable     = "desirable"      // whether an answer without a counterpart is good
	extraMismatched    = "mismatched"     // true for the answer to another prompt
	extraWin           = "p_win"          // how likely the answer is to be preferred
	extraValue         = "v_star"         // the optimal value of the prompt
)

// members are what a loss wants a pair to be made of beside two answers.
type members struct {
	gold          bool
	fromReference bool
}

// side is one answer of a pair.
type side struct {
	l, ref float64 // Σ of the logprobs
	n      float64 // loss tokens, at least 1
}

// x is how much likelier the policy finds the answer than the reference does.
func (s side) x() float64 { return s.l - s.ref }

// answer is a trajectory of a batch.
type answer struct {
	side
	traj   int
	reward float64
	extra  map[string]any
	datums []int
}

// pairing is two answers to one prompt.
type pairing struct {
	chosen, rejected *answer
	gold             *answer // nil where the loss wants none
	referenceChosen  bool    // the chosen answer is the reference's
}

func (p *pairing) answers() []*answer {
	if p.gold == nil {
		return []*answer{p.chosen, p.rejected}
	}
	return []*answer{p.chosen, p.rejected, p.gold}
}

// answers are the batch's trajectories, in order of appearance. Without
// traj_idx each datum is one.
func (b *Batch) answers(op string) ([]*answer, error) {
	if b.TrajIdx != nil && len(b.TrajIdx) != b.Len() {
		return nil, invalid(op, "traj_idx: got %d values for %d datums", len(b.TrajIdx), b.Len())
	}
	if b.Reward != nil && len(b.Reward) != b.Len() {
		return nil, invalid(op, "reward: got %d values for %d datums", len(b.Reward), b.Len())
	}
	var order []*answer
	seen := map[int]*answer{}
	for d := range b.Len() {
		k := d
		if b.TrajIdx != nil {
			k = b.TrajIdx[d]
		}
		x := seen[k]
		if x == nil {
			x = &answer{traj: k}
			if b.Reward != nil {
				x.reward = b.Reward[d]
			}
			seen[k] = x
			order = append(order, x)
		}
		if x.extra == nil && b.Packed.Extra != nil {
			x.extra = b.Packed.Extra[d]
		}
		x.datums = append(x.datums, d)
	}
	return order, nil
}

// flag is a truth in an answer's extra; has is false where there is none.
func (x *answer) flag(op, key string) (value, has bool, err error) {
	switch v := x.extra[key].(type) {
	case nil:
		return false, false, nil
	case bool:
		return v, true, nil
	}
	n, has, err := x.number(op, key)
	return n != 0, has, err
}

// number is a number in an answer's extra.
func (x *answer) number(op, key string) (value float64, has bool, err error) {
	switch v := x.extra[key].(type) {
	case nil:
		return 0, false, nil
	case float64:
		return v, true, nil
	case int:
		return float64(v), true, nil
	default:
		return 0, false, invalid(op, "trajectory %d: extra.%s: got %v, want a number", x.traj+1, key, v)
	}
}

// pairs are the batch's pairs in order of appearance, and the number of those
// left out because their rewards are equal.
func (b *Batch) pairs(op string, want members) (pairs []pairing, ties int, err error) {
	all, err := b.answers(op)
	if err != nil {
		return nil, 0, err
	}
	type group struct {
		label   string
		members []*answer
	}
	byID := false
	for _, x := range all {
		byID = byID || x.extra[extraPair] != nil
	}
	if !byID && (len(b.GroupIdx) != b.Len() || len(b.TrajIdx) != b.Len() || len(b.Reward) != b.Len()) {
		return nil, 0, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "want a batch in groups, with group_idx, traj_idx and reward for each datum",
			Hint: "or name the pair of each answer in extra.pair"}
	}
	var order []*group
	groups := map[string]*group{}
	for _, x := range all {
		var label string
		if byID {
			switch v := x.extra[extraPair].(type) {
			case nil:
				return nil, 0, invalid(op, "trajectory %d: extra.pair: got none, want one as others have", x.traj+1)
			case string:
				label = fmt.Sprintf("pair %q", v)
			case float64, int:
				label = fmt.Sprintf("pair %v", v)
			default:
				return nil, 0, invalid(op, "trajectory %d: extra.pair: got %v, want a number or a string", x.traj+1, v)
			}
		} else {
			g := b.GroupIdx[x.datums[0]]
			if g < 0 {
				return nil, 0, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "the batch has no groups",
					Hint: "pass group_size = 2: a pair is a group; or name the pair of each answer in extra.pair"}
			}
			label = fmt.Sprintf("group %d", g)
		}
		if groups[label] == nil {
			groups[label] = &group{label: label}
			order = append(order, groups[label])
		}
		groups[label].members = append(groups[label].members, x)
	}
	for _, g := range order {
		p, tie, err := match(op, g.label, g.members, want)
		switch {
		case err != nil:
			return nil, 0, err
		case tie:
			ties++
		default:
			pairs = append(pairs, p)
		}
	}
	return pairs, ties, nil
}

// match makes a pair of the answers to one prompt.
func match(op, label string, answers []*answer, want members) (p pairing, tie bool, err error) {
	two := answers
	if want.gold {
		two = nil
		for _, x := range answers {
			gold, _, err := x.flag(op, extraGold)
			switch {
			case err != nil:
				return p, false, err
			case !gold:
				two = append(two, x)
			case p.gold != nil:
				return p, false, invalid(op, "%s: got two answers with extra.gold, want 1", label)
			default:
				p.gold = x
			}
		}
		if p.gold == nil {
			return p, false, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("%s: got no answer with extra.gold, want 1", label),
				Hint: "alpha = 0 does without"}
		}
	}
	if len(two) != 2 {
		what := "a pair"
		if want.gold {
			what = "a pair beside the gold answer"
		}
		return p, false, invalid(op, "%s: got %d trajectories, want 2: %s", label, len(two), what)
	}
	p.chosen, p.rejected = two[0], two[1]
	first, has, err := two[0].flag(op, extraChosen)
	if err != nil {
		return p, false, err
	}
	second, hasToo, err := two[1].flag(op, extraChosen)
	if err != nil {
		return p, false, err
	}
	switch {
	case has || hasToo:
		if first == second {
			n := "none"
			if first {
				n = "two"
			}
			return p, false, invalid(op, "%s: got %s with extra.chosen true, want one", label, n)
		}
		if second {
			p.chosen, p.rejected = two[1], two[0]
		}
	case two[0].reward == two[1].reward:
		return p, true, nil
	case two[0].reward < two[1].reward:
		p.chosen, p.rejected = two[1], two[0]
	}
	if want.fromReference {
		c, _, err := p.chosen.flag(op, extraFromReference)
		if err != nil {
			return p, false, err
		}
		r, _, err := p.rejected.flag(op, extraFromReference)
		if err != nil {
			return p, false, err
		}
		if c == r {
			return p, false, invalid(op, "%s: want extra.from_reference true for one of the two: the answer the reference gave", label)
		}
		p.referenceChosen = c
	}
	return p, false, nil
}

// sum fills in the sums of an answer.
func (b *Batch) sum(x *answer) {
	logprobs := b.Logprobs.Data()
	x.side = side{}
	for _, d := range x.datums {
		lo, hi := b.Range(d)
		for i := lo; i < hi; i++ {
			m := float64(b.Packed.Mask[i])
			if m == 0 {
				continue
			}
			x.n++
			x.l += m * float64(logprobs[i])
			if b.Packed.RefLogprobs != nil {
				x.ref += m * float64(b.Packed.RefLogprobs[i])
			}
		}
	}
	x.n = max(1, x.n)
}

// spread sets the gradient of an answer's tokens, whose sum has that slope.
func (b *Batch) spread(grad []float32, x *answer, slope float64) {
	for _, d := range x.datums {
		lo, hi := b.Range(d)
		for i := lo; i < hi; i++ {
			if m := b.Packed.Mask[i]; m != 0 {
				grad[i] = float32(float64(m) * slope)
			}
		}
	}
}
