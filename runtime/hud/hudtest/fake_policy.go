package hudtest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
)

// The fake's tokens: bytes, then markers.
const (
	tokBOS = 256 + iota
	tokSystem
	tokUser
	tokAssistant
	tokTool
	tokEnd
	fakeVocab
)

type fakeTokenizer struct{}

func (fakeTokenizer) Encode(text string) []int {
	ids := make([]int, len(text))
	for i := range len(text) {
		ids[i] = int(text[i])
	}
	return ids
}

func (fakeTokenizer) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if id < 256 {
			b.WriteByte(byte(id))
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func (fakeTokenizer) Render(messages []hud.Message, generate bool) ([]int, error) {
	ids := []int{tokBOS}
	for _, m := range messages {
		var err error
		if ids, err = appendMessage(ids, m); err != nil {
			return nil, err
		}
	}
	if generate {
		ids = append(ids, tokAssistant)
	}
	return ids, nil
}

func (fakeTokenizer) EndOfTurn() int { return tokEnd }

func (fakeTokenizer) Definition() hud.TokenizerDefinition {
	return hud.TokenizerDefinition{
		Kind: hud.TokenizerBytes, Vocab: fakeVocab, BOS: tokBOS, End: tokEnd,
		Roles: map[string]int{"system": tokSystem, "user": tokUser, "assistant": tokAssistant, "tool": tokTool},
	}
}

func appendMessage(ids []int, m hud.Message) ([]int, error) {
	markers := map[string]int{"system": tokSystem, "user": tokUser, "assistant": tokAssistant, "tool": tokTool}
	marker, known := markers[m.Role]
	if !known {
		return nil, refuse("chat", hud.CodeValidation, 422, "role: got %q, want system, user, assistant or tool", m.Role)
	}
	ids = append(ids, marker)
	ids = append(ids, fakeTokenizer{}.Encode(m.Text())...)
	if m.Role == "assistant" {
		ids = append(ids, tokEnd)
	}
	return ids, nil
}

// A bigram is a table of logits w[previous·V + next] with AdamW's moments.
type bigram struct {
	w, m, v []float64
	t       int
}

// newBigram is a policy that speaks mostly in digits and ends its turns.
func newBigram() *bigram { return baseBigram().clone() }

var baseBigram = sync.OnceValue(func() *bigram {
	const n = fakeVocab * fakeVocab
	b := &bigram{w: make([]float64, n), m: make([]float64, n), v: make([]float64, n)}
	r := rand.New(rand.NewPCG(1, 2))
	for prev := range fakeVocab {
		for next := range fakeVocab {
			x := r.NormFloat64() * 0.5
			switch {
			case next >= '0' && next <= '9':
				x += 4
			case next == tokEnd:
				x += 5
			case next >= 256:
				x -= 4
			}
			b.w[prev*fakeVocab+next] = x
		}
	}
	return b
})

func (b *bigram) clone() *bigram {
	return &bigram{w: slices.Clone(b.w), m: slices.Clone(b.m), v: slices.Clone(b.v), t: b.t}
}

// logprobs of every next token after prev.
func (b *bigram) logprobs(prev int) []float64 {
	row := b.w[prev*fakeVocab : (prev+1)*fakeVocab]
	top := slices.Max(row)
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(x - top)
	}
	lse := top + math.Log(sum)
	out := make([]float64, fakeVocab)
	for i, x := range row {
		out[i] = x - lse
	}
	return out
}

// backward adds dlp times the gradient of logprob(next | prev).
func (b *bigram) backward(grad []float64, prev, next int, dlp float64) {
	for i, lp := range b.logprobs(prev) {
		grad[prev*fakeVocab+i] -= dlp * math.Exp(lp)
	}
	grad[prev*fakeVocab+next] += dlp
}

// adamw is one step with decoupled weight decay (Loshchilov and Hutter, 2019).
func (b *bigram) adamw(grad []float64, o *hud.OptimStepRequest) {
	b.t++
	c1, c2 := 1-math.Pow(o.Beta1, float64(b.t)), 1-math.Pow(o.Beta2, float64(b.t))
	for i, g := range grad {
		b.m[i] = o.Beta1*b.m[i] + (1-o.Beta1)*g
		b.v[i] = o.Beta2*b.v[i] + (1-o.Beta2)*g*g
		b.w[i] -= o.LearningRate * (o.WeightDecay*b.w[i] + (b.m[i]/c1)/(math.Sqrt(b.v[i]/c2)+o.Eps))
	}
}

// sample draws one completion. Reported logprobs are the policy's own unless
// the request asks for the processed ones.
func (b *bigram) sample(prompt []int, req *hud.ChatRequest, temperature float64, seed uint64) hud.Choice {
	r := rand.New(rand.NewPCG(seed, 7))
	c := hud.Choice{FinishReason: "length"}
	prev := prompt[len(prompt)-1]
	limit := fakeContext - len(prompt)
	if req.MaxTokens > 0 {
		limit = min(limit, req.MaxTokens)
	}
	text := ""
	for len(c.TokenIDs) < limit {
		own := b.logprobs(prev)
		p := process(own, req, temperature)
		next, u := len(p)-1, r.Float64()
		for i, x := range p {
			if u -= x; u < 0 {
				next = i
				break
			}
		}
		for p[next] == 0 {
			next--
		}
		lp := own[next]
		if req.LogprobsMode == "processed" {
			lp = math.Log(p[next])
		}
		c.TokenIDs = append(c.TokenIDs, next)
		c.Logprobs = append(c.Logprobs, float32(lp))
		if req.TopLogprobs > 0 {
			c.TopLogprobs = append(c.TopLogprobs, likeliest(own, p, req))
		}
		if next == tokEnd {
			c.FinishReason = "stop"
			break
		}
		prev = next
		text = fakeTokenizer{}.Decode(c.TokenIDs)
		if at := firstStop(text, req.Stop); at >= 0 {
			text, c.FinishReason = text[:at], "stop"
			break
		}
	}
	c.Message = hud.Message{Role: "assistant", Content: text}
	if len(req.ToolsShown()) > 0 {
		c.Message.Content, c.Message.ToolCalls = hud.ParseToolCalls(text)
		for i := range c.Message.ToolCalls {
			c.Message.ToolCalls[i].ID = fmt.Sprintf("call_%d_%d", len(prompt), i)
			c.FinishReason = "tool_calls"
		}
	}
	return c
}

// likeliest are the tokens with the largest logprobs of those reported.
func likeliest(own, p []float64, req *hud.ChatRequest) []hud.TokenLogprob {
	var out []hud.TokenLogprob
	for id, lp := range own {
		if req.LogprobsMode == "processed" {
			lp = math.Log(p[id])
		}
		if !math.IsInf(lp, 0) {
			out = append(out, hud.TokenLogprob{TokenID: id, Token: fakeTokenizer{}.Decode([]int{id}), Logprob: float32(lp)})
		}
	}
	slices.SortStableFunc(out, func(a, b hud.TokenLogprob) int { return cmp.Compare(b.Logprob, a.Logprob) })
	return out[:min(len(out), req.TopLogprobs)]
}

func firstStop(text string, stops []string) int {
	first := -1
	for _, s := range stops {
		if at := strings.Index(text, s); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// process turns logprobs into the probabilities that are sampled: temperature
// first, then top_k, top_p and min_p.
func process(logprobs []float64, req *hud.ChatRequest, temperature float64) []float64 {
	order := make([]int, len(logprobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logprobs[a] > logprobs[b]:
			return -1
		case logprobs[a] < logprobs[b]:
			return 1
		}
		return 0
	})
	p := make([]float64, len(logprobs))
	if temperature == 0 {
		p[order[0]] = 1
		return p
	}
	sum := 0.0
	for i, lp := range logprobs {
		p[i] = math.Exp((lp - logprobs[order[0]]) / temperature)
		sum += p[i]
	}
	top, mass := p[order[0]]/sum, 0.0
	for rank, i := range order {
		x := p[i] / sum
		cut := req.TopK > 0 && rank >= req.TopK || req.TopP != nil && mass >= *req.TopP || x < req.MinP*top
		mass += x
		if cut && rank > 0 {
			p[i] = 0
		}
	}
	sum = 0
	for _, x := range p {
		sum += x
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
