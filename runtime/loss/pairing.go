package loss

import (
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
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
	most   float32 // the greatest |mask|
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

// answers are the pair's.
func (p *pairing) answers() []*answer { return p.space(new([3]*answer)) }

// space is answers in a place of one's own.
func (p *pairing) space(x *[3]*answer) []*answer {
	x[0], x[1], x[2] = p.chosen, p.rejected, p.gold
	if p.gold == nil {
		return x[:2]
	}
	return x[:]
}

// A roster is who is in a batch. Its memory is used again for the next one, so
// that a step makes nothing anew.
type roster struct {
	trajectories  []answer
	datums        []int
	answers       []*answer
	members       []*answer
	groups        [][]*answer
	pairs         []pairing
	terms         []pairTerm
	seen, grouped index[int]
}

var rosters = sync.Pool{New: func() any { return new(roster) }}

// done gives r back, without what belongs to the batch.
func (r *roster) done() {
	clear(r.trajectories)
	rosters.Put(r)
}

// list finds the batch's trajectories, in order of appearance. Without traj_idx
// each datum is one.
func (r *roster) list(op string, b *hud.Packed) error {
	n := b.Len()
	if b.TrajIdx != nil && len(b.TrajIdx) != n {
		return invalid(op, "traj_idx: got %d values for %d datums", len(b.TrajIdx), n)
	}
	if b.Reward != nil && len(b.Reward) != n {
		return invalid(op, "reward: got %d values for %d datums", len(b.Reward), n)
	}
	r.trajectories, r.datums, r.answers = resized(r.trajectories, n), resized(r.datums, n), r.answers[:0]
	r.seen.reset()
	for d := range n {
		k := d
		if b.TrajIdx != nil {
			k = b.TrajIdx[d]
		}
		at, old := r.seen.at(k, k)
		x := &r.trajectories[at]
		if !old {
			*x = answer{traj: k, datums: r.datums[d : d : d+1]}
			if b.Reward != nil {
				x.reward = b.Reward[d]
			}
			r.answers = append(r.answers, x)
		}
		if x.extra == nil && b.Extra != nil {
			x.extra = b.Extra[d]
		}
		x.datums = append(x.datums, d)
	}
	return nil
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

// pair finds the batch's pairs in order of appearance, and returns the number of
// those left out because their rewards are equal.
func (r *roster) pair(op string, b *hud.Packed, want members) (ties int, err error) {
	if err := r.list(op, b); err != nil {
		return 0, err
	}
	byID := false
	for _, x := range r.answers {
		byID = byID || x.extra[extraPair] != nil
	}
	if !byID && (len(b.GroupIdx) != b.Len() || len(b.TrajIdx) != b.Len() || len(b.Reward) != b.Len()) {
		return 0, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "want a batch in groups, with group_idx, traj_idx and reward for each datum",
			Hint: "or name the pair of each answer in extra.pair"}
	}
	n := len(r.answers)
	r.members, r.groups, r.pairs = resized(r.members, 2*n), r.groups[:0], r.pairs[:0]
	r.grouped.reset()
	var named *index[groupLabel]
	if byID {
		named = new(index[groupLabel])
	}
	for _, x := range r.answers {
		var k int
		var old bool
		if byID {
			label, err := x.pairLabel(op)
			if err != nil {
				return 0, err
			}
			k, old = named.at(label, -1)
		} else {
			g := b.GroupIdx[x.datums[0]]
			if g < 0 {
				return 0, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "the batch has no groups",
					Hint: "pass group_size = 2: a pair is a group; or name the pair of each answer in extra.pair"}
			}
			k, old = r.grouped.at(g, g)
		}
		if !old {
			r.groups = append(r.groups, r.members[2*k:2*k:2*k+2])
		}
		r.groups[k] = append(r.groups[k], x)
	}
	for _, g := range r.groups {
		p, tie, err := match(op, g, want, func() groupLabel {
			if !byID {
				return groupLabel{kind: "group", number: float64(b.GroupIdx[g[0].datums[0]])}
			}
			label, _ := g[0].pairLabel(op)
			return label
		})
		switch {
		case err != nil:
			return 0, err
		case tie:
			ties++
		default:
			r.pairs = append(r.pairs, p)
		}
	}
	return ties, nil
}

// pairLabel is what an answer's extra names its pair.
func (x *answer) pairLabel(op string) (groupLabel, error) {
	switch v := x.extra[extraPair].(type) {
	case nil:
		return groupLabel{}, invalid(op, "trajectory %d: extra.pair: got none, want one as others have", x.traj+1)
	case string:
		return groupLabel{kind: "pair", named: true, name: v}, nil
	case float64:
		return groupLabel{kind: "pair", number: v}, nil
	case int:
		return groupLabel{kind: "pair", number: float64(v)}, nil
	default:
		return groupLabel{}, invalid(op, "trajectory %d: extra.pair: got %v, want a number or a string", x.traj+1, v)
	}
}

// index numbers keys in order of appearance, without a map as long as their
// ranks rise.
type index[K comparable] struct {
	keys []K
	most int // one more than the greatest rank
	seen map[K]int
}

func (x *index[K]) reset() { x.keys, x.most, x.seen = x.keys[:0], 0, nil }

// at is the number of a key, and whether it had one. A rank belongs to one key;
// −1 is that of a key without.
func (x *index[K]) at(key K, rank int) (number int, old bool) {
	n := len(x.keys)
	if n > 0 && x.keys[n-1] == key {
		return n - 1, true
	}
	if rank < x.most {
		if x.seen == nil {
			x.seen = make(map[K]int, n)
			for i, k := range x.keys {
				x.seen[k] = i
			}
		}
		if i, ok := x.seen[key]; ok {
			return i, true
		}
	}
	x.keys, x.most = append(x.keys, key), max(x.most, rank+1)
	if x.seen != nil {
		x.seen[key] = n
	}
	return n, false
}

// groupLabel says in errors which answers are meant.
type groupLabel struct {
	kind   string
	named  bool
	name   string // or
	number float64
}

func (l groupLabel) String() string {
	if l.named {
		return fmt.Sprintf("%s %q", l.kind, l.name)
	}
	return l.kind + " " + strconv.FormatFloat(l.number, 'f', -1, 64)
}

// match makes a pair of the answers to one prompt; label says in errors which.
func match(op string, answers []*answer, want members, label func() groupLabel) (p pairing, tie bool, err error) {
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
				return p, false, invalid(op, "%s: got two answers with extra.gold, want 1", label())
			default:
				p.gold = x
			}
		}
		if p.gold == nil {
			return p, false, &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("%s: got no answer with extra.gold, want 1", label()),
				Hint: "alpha = 0 does without"}
		}
	}
	if len(two) != 2 {
		what := "a pair"
		if want.gold {
			what = "a pair beside the gold answer"
		}
		return p, false, invalid(op, "%s: got %d trajectories, want 2: %s", label(), len(two), what)
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
			return p, false, invalid(op, "%s: got %s with extra.chosen true, want one", label(), n)
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
			return p, false, invalid(op, "%s: want extra.from_reference true for one of the two: the answer the reference gave", label())
		}
		p.referenceChosen = c
	}
	return p, false, nil
}

// sum fills in an answer's sums; logprobs are the batch's.
func (b *Batch) sum(x *answer, logprobs []float32) {
	x.side, x.most = side{}, 0
	for _, d := range x.datums {
		lo, hi := b.Range(d)
		w := kernel.WeightedSums(logprobs[lo:hi], part(b.Packed.RefLogprobs, lo, hi), b.Packed.Mask[lo:hi])
		x.l += w.X
		x.ref += w.Y
		x.n += float64(w.Count)
		x.most = max(x.most, w.Most)
	}
	x.n = max(1, x.n)
}

// sure is whether a gradient with that slope is finite for certain. A mask that
// is NaN makes a sum so.
func (x *answer) sure(slope float64) bool {
	return finite(x.l) && finite(x.ref) && math.Abs(slope)*float64(x.most) < math.MaxFloat32
}

// each calls f with 0 to n-1, which share the batch's tokens.
func (b *Batch) each(n int, f func(k int)) {
	tokens := b.Tokens()
	at := max(1, n*pieceTokens/max(1, tokens))
	divide((n+at-1)/at, tokens, false, func(i int) {
		for k := i * at; k < min(n, (i+1)*at); k++ {
			f(k)
		}
	})
}

// spread sets the gradient of an answer's tokens, whose sum has that slope.
func (b *Batch) spread(grad []float32, x *answer, slope float64) {
	for _, d := range x.datums {
		lo, hi := b.Range(d)
		timesTo(grad[lo:hi], b.Packed.Mask[lo:hi], slope)
	}
}
