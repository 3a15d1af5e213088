package sampler

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// drawer chooses tokens; it holds the memory to do so.
type drawer struct {
	prob []float32
	ids  []int32
}

// draw picks a token as the request asks and returns its logprob: the model's
// own, with the trainer's bits, or with Processed that of the distribution
// drawn from. Temperature comes first, then top_k, top_p and min_p, each on
// what the one before left. The logprob is not finite exactly when the logits
// are of no use.
func (d *drawer) draw(req *Request, rng *rand.Rand, logits []float32) (id int32, logprob float32) {
	lse := kernel.LogSumExp(logits)
	if math.IsNaN(float64(lse)) || math.IsInf(float64(lse), 0) {
		return 0, float32(math.NaN())
	}
	top := argmax(logits)
	scale := 1 / req.Temperature
	if math.IsInf(scale, 0) { // 0, or as good as
		if req.Processed {
			return top, 0
		}
		return top, logits[top] - lse
	}
	if cap(d.prob) < len(logits) {
		d.prob = make([]float32, len(logits))
	}
	p := d.prob[:len(logits)]
	for i, x := range logits {
		p[i] = float32(float64(x-logits[top]) * scale)
	}
	kernel.ExpTo(p, p)
	d.filter(req, p)
	total := 0.0
	for _, x := range p {
		total += float64(x)
	}
	u := rng.Float64() * total
	id = top // when rounding leaves u at the very end
	sum := 0.0
	for i, x := range p {
		if sum += float64(x); u < sum {
			id = int32(i)
			break
		}
	}
	if req.Processed {
		return id, float32(math.Log(float64(p[id]) / total))
	}
	return id, logits[id] - lse
}

// likeliest are the tokens that draw, called just before, chose from, as it
// reports their logprobs. Among equals the lower id comes first.
func (d *drawer) likeliest(req *Request, logits []float32) []Token {
	score := logits
	if req.Processed {
		if math.IsInf(1/req.Temperature, 0) {
			return []Token{{ID: argmax(logits)}}
		}
		score = d.prob[:len(logits)]
	}
	ids := d.order(score)
	out := make([]Token, 0, min(req.Top, len(ids)))
	total := 0.0
	if req.Processed {
		for _, x := range score {
			total += float64(x)
		}
	}
	lse := kernel.LogSumExp(logits)
	for _, id := range ids[:cap(out)] {
		switch {
		case !req.Processed:
			out = append(out, Token{id, logits[id] - lse})
		case score[id] > 0:
			out = append(out, Token{id, float32(math.Log(float64(score[id]) / total))})
		}
	}
	return out
}

// order is the tokens by falling score.
func (d *drawer) order(score []float32) []int32 {
	if cap(d.ids) < len(score) {
		d.ids = make([]int32, len(score))
	}
	ids := d.ids[:len(score)]
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b))
	})
	return ids
}

// filter sets the probabilities of the tokens that top_k, top_p and min_p
// exclude to 0. p need not sum to 1; its largest entry is 1. Among equals the
// lower id stays.
func (d *drawer) filter(req *Request, p []float32) {
	if req.TopK > 0 && req.TopK < len(p) || req.TopP < 1 {
		ids := d.order(p)
		keep := len(ids)
		if req.TopK > 0 {
			keep = min(keep, req.TopK)
		}
		if req.TopP < 1 {
			total := 0.0
			for _, i := range ids[:keep] {
				total += float64(p[i])
			}
			sum := 0.0
			for n, i := range ids[:keep] {
				if sum += float64(p[i]); sum >= req.TopP*total {
					keep = n + 1
					break
				}
			}
		}
		for _, i := range ids[keep:] {
			p[i] = 0
		}
	}
	if req.MinP > 0 {
		for i, x := range p {
			if float64(x) < req.MinP {
				p[i] = 0
			}
		}
	}
}

func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}
