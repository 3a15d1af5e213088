package policy

import "fmt"

// A Batch is a ragged batch of token sequences, packed: datum d is the
// half-open range Offsets[d] to Offsets[d+1] of the per-position arrays.
// Position t is scored on Targets[t] after the datum's tokens up to and
// including Tokens[t].
type Batch struct {
	Offsets []int   // [D+1], from 0, strictly increasing
	Tokens  []int32 // [N] model input
	Targets []int32 // [N] what follows it

	// Need marks the positions whose logprob is wanted, nil for all. The
	// others get logprob 0 and cost less: they skip the last layer's
	// feed-forward and the vocabulary. The logprobs of the needed positions
	// have the same bits either way.
	Need []bool // [N] or nil
}

// Len is the number of datums.
func (b *Batch) Len() int { return max(len(b.Offsets)-1, 0) }

// Add appends one datum to the batch. The slices are copied; need may be nil
// if it is nil for every datum.
func (b *Batch) Add(tokens, targets []int32, need []bool) {
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	b.Tokens = append(b.Tokens, tokens...)
	b.Targets = append(b.Targets, targets...)
	b.Need = append(b.Need, need...)
	b.Offsets = append(b.Offsets, len(b.Tokens))
}

// Check says what is wrong with a batch: its layout, a sequence that does not
// fit the context, or a token outside the vocabulary. The other methods trust
// a batch that passed.
func (c Config) Check(b *Batch) error {
	n := len(b.Tokens)
	switch {
	case b.Len() == 0:
		return fmt.Errorf("policy batch: no datums")
	case b.Offsets[0] != 0 || b.Offsets[b.Len()] != n:
		return fmt.Errorf("policy batch: offsets do not span the tokens: got %d to %d, want 0 to %d", b.Offsets[0], b.Offsets[b.Len()], n)
	case len(b.Targets) != n:
		return fmt.Errorf("policy batch: targets have the wrong length: got %d, want %d", len(b.Targets), n)
	case b.Need != nil && len(b.Need) != n:
		return fmt.Errorf("policy batch: need has the wrong length: got %d, want %d", len(b.Need), n)
	}
	for d := range b.Len() {
		lo, hi := b.Offsets[d], b.Offsets[d+1]
		switch {
		case hi <= lo:
			return fmt.Errorf("policy batch: datum %d is empty", d)
		case hi > n:
			return fmt.Errorf("policy batch: datum %d ends outside the batch: got %d, want at most %d", d, hi, n)
		case hi-lo > c.MaxContext:
			return fmt.Errorf("policy batch: datum %d is longer than the model's context: got %d tokens, want at most %d", d, hi-lo, c.MaxContext)
		}
		for t := lo; t < hi; t++ {
			if err := c.checkToken("token", b.Tokens[t]); err != nil {
				return fmt.Errorf("policy batch: datum %d, position %d: %w", d, t-lo, err)
			}
			if err := c.checkToken("target", b.Targets[t]); err != nil {
				return fmt.Errorf("policy batch: datum %d, position %d: %w", d, t-lo, err)
			}
		}
	}
	return nil
}

func (c Config) checkToken(what string, id int32) error {
	if id < 0 || int(id) >= c.Vocab {
		return fmt.Errorf("%s outside the vocabulary: got %d, want 0 to %d", what, id, c.Vocab-1)
	}
	return nil
}

// smallModel is the number of parameters up to which a copy of them is cheap.
const smallModel = 1 << 22

// smallRows is what a lane should at least get before a batch is split.
const smallRows = 48

// chunkRows is about how many rows a chunk holds: enough to keep the matrix
// products busy, few enough for its activations to stay near the caches.
const chunkRows = 256

// lanes is how many chunks are in work at once, each with a gradient of its
// own. It depends on the shape alone, so that sums do not depend on the machine.
func (c Config) lanes() int {
	if c.NumParams() <= smallModel {
		return 4
	}
	return 2
}

// plan cuts a batch into chunks [lo, hi) of datums of similar cost: the rows
// that a datum does not share with its predecessor. It depends on the tokens
// alone.
func (b *Batch) plan(lanes int) [][2]int {
	cost := make([]int, b.Len())
	total := 0
	for d := range cost {
		lo, hi := b.Offsets[d], b.Offsets[d+1]
		shared := 0
		if d > 0 {
			shared = commonPrefix(b.Tokens[b.Offsets[d-1]:lo], b.Tokens[lo:hi])
		}
		cost[d] = max(hi-lo-shared, 1)
		total += cost[d]
	}
	n := (total + lanes*chunkRows - 1) / (lanes * chunkRows) * lanes
	n = max(min(n, total/smallRows), 1)
	var chunks [][2]int
	sum, start := 0, 0
	for d, c := range cost {
		sum += c
		if sum*n >= (len(chunks)+1)*total || d == len(cost)-1 {
			chunks = append(chunks, [2]int{start, d + 1})
			start = d + 1
		}
	}
	return chunks
}

func commonPrefix(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
