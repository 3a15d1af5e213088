package sampler_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/sampler"
	"github.com/hudrl/hudrl/internal/tokenizer"
)

var shape = policy.Config{Vocab: tokenizer.Vocab, Dim: 32, Layers: 2, Heads: 4, KVHeads: 2, FFN: 48, MaxContext: 96, RopeTheta: 10000, NormEps: 1e-5, Tied: true}

// model has weights large enough for a distribution worth sampling.
func model(t testing.TB, seed uint64) *policy.Model {
	t.Helper()
	p := shape.Init(seed)
	for _, x := range shape.Tensors() {
		if len(x.Shape) > 1 {
			for i, w := 0, x.In(p); i < len(w); i++ {
				w[i] *= 10
			}
		}
	}
	m, err := policy.New(shape, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, opts sampler.Options) *sampler.Sampler {
	t.Helper()
	s := sampler.New(tokenizer.New(), opts)
	t.Cleanup(s.Close)
	return s
}

func text(s string) []int32 {
	ids := []int32{tokenizer.BOS, tokenizer.User}
	for _, b := range []byte(s) {
		ids = append(ids, int32(b))
	}
	return append(ids, tokenizer.Assistant)
}

func ask(m *policy.Model, prompt string, seed uint64) sampler.Request {
	return sampler.Request{Model: m, Prompt: text(prompt), MaxTokens: 20, Temperature: 1, TopP: 1, EOS: tokenizer.End, Seed: seed}
}

func submit(t testing.TB, s *sampler.Sampler, r sampler.Request) *sampler.Result {
	t.Helper()
	res, err := s.Submit(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// score is the trainer's logprobs of a completion.
func score(t testing.TB, m *policy.Model, prompt, tokens []int32) []float32 {
	t.Helper()
	all := append(slices.Clone(prompt), tokens...)
	b := new(policy.Batch)
	b.Add(all[:len(all)-1], all[1:], nil)
	out := make([]float32, len(all)-1)
	if err := m.Logprobs(context.Background(), b, out); err != nil {
		t.Fatal(err)
	}
	return out[len(prompt)-1:]
}

// The tokens, logprobs and text of a request are the same alone and among any
// number of others, in any order of arrival, with prompts that are shared,
// extended or unique, and over two models; and the logprobs are the trainer's.
func TestResultsDoNotDependOnConcurrency(t *testing.T) {
	t.Parallel()
	models := []*policy.Model{model(t, 1), model(t, 2)}
	var reqs []sampler.Request
	for i := range 64 {
		r := ask(models[i/3%2], []string{"What is 12 + 3?", "What is 12 + 3? And then", "Sort", fmt.Sprint("unique ", i)}[i%4], uint64(i))
		r.MaxTokens = 1 + i%23
		switch i % 5 {
		case 1:
			r.Temperature = 0
		case 2:
			r.Temperature, r.TopP = 0.7, 0.9
		case 3:
			r.TopK, r.MinP = 40, 0.01
		}
		reqs = append(reqs, r)
	}
	var want []*sampler.Result
	for _, r := range reqs {
		alone := sampler.New(tokenizer.New(), sampler.Options{})
		want = append(want, submit(t, alone, r))
		alone.Close()
	}
	for i, w := range want {
		if got := score(t, reqs[i].Model, reqs[i].Prompt, w.Tokens); !slices.Equal(got, w.Logprobs) {
			t.Errorf("request %d: the trainer scores %v, the sampler said %v", i, got, w.Logprobs)
		}
	}
	for _, at := range []struct{ concurrency, limit int }{{1, 0}, {7, 0}, {64, 0}, {64, 150}} {
		s := sampler.New(tokenizer.New(), sampler.Options{MaxBatchTokens: at.limit})
		order := rand.New(rand.NewPCG(uint64(at.concurrency), 0)).Perm(len(reqs))
		work := make(chan int)
		var wg sync.WaitGroup
		for range at.concurrency {
			wg.Go(func() {
				for i := range work {
					got, err := s.Submit(context.Background(), reqs[i])
					if err != nil {
						t.Error(err)
						continue
					}
					w := want[i]
					if !slices.Equal(got.Tokens, w.Tokens) || !slices.Equal(got.Logprobs, w.Logprobs) || got.Text != w.Text || got.FinishReason != w.FinishReason {
						t.Errorf("request %d among %d: got %+v, want %+v", i, at.concurrency, got, w)
					}
				}
			})
		}
		for _, i := range order {
			work <- i
		}
		close(work)
		wg.Wait()
		s.Close()
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	m := model(t, 3)
	s := open(t, sampler.Options{})
	long := submit(t, s, sampler.Request{Model: m, Prompt: text("go"), Temperature: 1, TopP: 1, EOS: -1, Seed: 5})
	if n := len(long.Tokens); n != shape.MaxContext-5 || long.FinishReason != sampler.Length {
		t.Fatalf("a full context: got %d tokens and %q, want %d and length", n, long.FinishReason, shape.MaxContext-5)
	}
	if len(long.Logprobs) != len(long.Tokens) {
		t.Errorf("got %d logprobs for %d tokens", len(long.Logprobs), len(long.Tokens))
	}
	r := sampler.Request{Model: m, Prompt: text("go"), Temperature: 1, TopP: 1, EOS: -1, Seed: 5}
	r.MaxTokens = 7
	if got := submit(t, s, r); !slices.Equal(got.Tokens, long.Tokens[:7]) || got.FinishReason != sampler.Length {
		t.Errorf("max_tokens 7: got %+v", got)
	}
	r.MaxTokens = 1000 // more than the context holds
	if got := submit(t, s, r); !slices.Equal(got.Tokens, long.Tokens) || got.FinishReason != sampler.Length {
		t.Errorf("max_tokens 1000: got %+v", got)
	}
	r.EOS = long.Tokens[10]
	first := slices.Index(long.Tokens, r.EOS)
	got := submit(t, s, r)
	if !slices.Equal(got.Tokens, long.Tokens[:first+1]) || got.FinishReason != sampler.Stop {
		t.Errorf("end token: got %+v", got)
	}
	tok := tokenizer.New()
	ids := make([]int, first)
	for i := range ids {
		ids[i] = int(long.Tokens[i])
	}
	if want := tok.Decode(ids); got.Text != want {
		t.Errorf("the text holds the end token: got %q, want %q", got.Text, want)
	}
}

func TestStopStrings(t *testing.T) {
	t.Parallel()
	m := model(t, 3)
	s := open(t, sampler.Options{})
	r := ask(m, "go", 5)
	r.EOS, r.MaxTokens = -1, 60
	full := submit(t, s, r)
	if len(full.Text) < 40 {
		t.Fatalf("the model says too little for this test: %q", full.Text)
	}
	for _, c := range []struct {
		name string
		stop []string
		cut  int
	}{
		{"one character", []string{full.Text[9:10]}, strings.Index(full.Text, full.Text[9:10])},
		{"several", []string{full.Text[10:14]}, 10},
		{"the first to complete wins", []string{full.Text[30:33], full.Text[20:22], "never"}, 20},
		{"overlapping", []string{full.Text[12:20], full.Text[14:20]}, 12},
		{"none", []string{"\x00never"}, len(full.Text)},
	} {
		r := r
		r.Stop = c.stop
		var streamed strings.Builder
		r.Stream = func(d string) {
			streamed.WriteString(d)
			if d == "" {
				t.Errorf("%s: an empty delta", c.name)
			}
		}
		got := submit(t, s, r)
		if want := full.Text[:c.cut]; got.Text != want || streamed.String() != want {
			t.Errorf("%s: got %q, streamed %q, want %q", c.name, got.Text, streamed.String(), want)
		}
		reason := sampler.Stop
		if c.cut == len(full.Text) {
			reason = sampler.Length
		}
		if got.FinishReason != reason || !slices.Equal(got.Tokens, full.Tokens[:len(got.Tokens)]) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

// scripted decodes every token to the next piece of a text.
type scripted struct {
	pieces []string
	next   int
}

func (s *scripted) AppendText(dst []byte, _ int32) []byte {
	s.next++
	return append(dst, s.pieces[s.next-1]...)
}

// What may begin a stop string, or is half a character, is held back.
func TestStreamHoldsBack(t *testing.T) {
	t.Parallel()
	m := model(t, 1)
	for _, c := range []struct {
		stop         []string
		pieces, want []string
	}{
		{nil, []string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{[]string{"END"}, []string{"a", "E", "N", "x", "END", "z"}, []string{"a", "ENx"}},
		{[]string{"aab"}, []string{"a", "a", "a", "b", "z"}, []string{"a"}},
		{nil, []string{"\xd0", "\xba", "\xe2", "\x82", "\xac!"}, []string{"к", "€!"}},
		{nil, []string{"x", "\xf0\x9f"}, []string{"x", "\xf0\x9f"}},
		{nil, []string{"\xff", "y"}, []string{"\xff", "y"}},
		{[]string{"."}, []string{"", "ab.c"}, []string{"ab"}},
	} {
		s := sampler.New(&scripted{pieces: c.pieces}, sampler.Options{})
		r := ask(m, "x", 1)
		r.EOS, r.MaxTokens, r.Stop = -1, len(c.pieces), c.stop
		var got []string
		r.Stream = func(d string) { got = append(got, d) }
		res := submit(t, s, r)
		s.Close()
		if !slices.Equal(got, c.want) || res.Text != strings.Join(c.want, "") {
			t.Errorf("%q: streamed %q, text %q, want %q", c.pieces, got, res.Text, c.want)
		}
	}
}

// The tokens that can be drawn, and their processed logprobs, against the
// policy's float64 reference and the filters computed here from their
// definitions.
func TestFilters(t *testing.T) {
	t.Parallel()
	m := model(t, 4)
	s := open(t, sampler.Options{})
	prompt := text("which?")
	wide := make([]float64, len(m.Params))
	for i, v := range m.Params {
		wide[i] = float64(v)
	}
	logp := make([]float64, shape.Vocab)
	for id := range logp {
		targets := make([]int32, len(prompt))
		targets[len(prompt)-1] = int32(id)
		logp[id] = policy.ReferenceLogprobs(shape, wide, prompt, targets)[len(prompt)-1]
	}
	for _, c := range []struct {
		name        string
		temperature float64
		topP, minP  float64
		topK        int
	}{
		{"plain", 1, 1, 0, 0}, {"hot", 1.7, 1, 0, 0}, {"top_k 1", 1, 1, 0, 1}, {"top_k 5", 1, 1, 0, 5},
		{"top_p", 1, 0.6, 0, 0}, {"top_p tiny", 1, 1e-9, 0, 0}, {"min_p", 1, 1, 0.2, 0},
		{"all", 0.8, 0.9, 0.05, 12}, {"top_k above the vocabulary", 1, 1, 0, 5000}, {"min_p 1", 1, 1, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ids := make([]int, len(logp))
			p := make([]float64, len(logp))
			for i, l := range logp {
				ids[i], p[i] = i, math.Exp(l/c.temperature)
			}
			slices.SortFunc(ids, func(a, b int) int {
				if p[a] > p[b] {
					return -1
				}
				return 1
			})
			keep := len(ids)
			if c.topK > 0 {
				keep = min(keep, c.topK)
			}
			total, sum := 0.0, 0.0
			for _, i := range ids[:keep] {
				total += p[i]
			}
			for n, i := range ids[:keep] {
				if sum += p[i]; sum >= c.topP*total && c.topP < 1 {
					keep = n + 1
					break
				}
			}
			ids = ids[:keep]
			ids = slices.DeleteFunc(ids, func(i int) bool { return p[i] < c.minP*p[ids[0]] })
			total = 0
			for _, i := range ids {
				total += p[i]
			}
			const draws = 2000
			count := map[int]int{}
			var wg sync.WaitGroup
			results := make([]*sampler.Result, draws)
			for worker := range 8 {
				wg.Go(func() {
					for i := worker; i < draws; i += 8 {
						r := sampler.Request{Model: m, Prompt: prompt, MaxTokens: 1, EOS: -1, Seed: uint64(i), Processed: true,
							Temperature: c.temperature, TopP: c.topP, MinP: c.minP, TopK: c.topK}
						var err error
						if results[i], err = s.Submit(context.Background(), r); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			for _, r := range results {
				id := int(r.Tokens[0])
				count[id]++
				if !slices.Contains(ids, id) {
					t.Fatalf("drew token %d, which the filters exclude", id)
				}
				if want := math.Log(p[id] / total); math.Abs(float64(r.Logprobs[0])-want) > 1e-4 {
					t.Fatalf("token %d: processed logprob %v, want %v", id, r.Logprobs[0], want)
				}
			}
			for _, id := range ids {
				// Five standard deviations of a binomial, and one for small counts.
				want := draws * p[id] / total
				if d := math.Abs(float64(count[id]) - want); d > 5*math.Sqrt(want)+2 {
					t.Errorf("token %d: drawn %d times, want about %.0f", id, count[id], want)
				}
			}
		})
	}
}

func TestGreedyTakesTheMostLikely(t *testing.T) {
	t.Parallel()
	m := model(t, 6)
	s := open(t, sampler.Options{})
	r := ask(m, "greedy", 1)
	r.Temperature, r.EOS = 0, -1
	got := submit(t, s, r)
	r.Seed, r.Processed = 99, true
	again := submit(t, s, r)
	if !slices.Equal(got.Tokens, again.Tokens) {
		t.Error("greedy decoding depends on the seed")
	}
	if slices.Min(again.Logprobs) != 0 {
		t.Errorf("processed logprobs of a certain choice: got %v, want zeros", again.Logprobs)
	}
	// No other token scores better.
	seen := append(slices.Clone(r.Prompt), got.Tokens[:3]...)
	for id := range int32(shape.Vocab) {
		if lp := score(t, m, seen, []int32{id})[0]; lp > got.Logprobs[3] {
			t.Errorf("token %d has logprob %v, the greedy choice %v", id, lp, got.Logprobs[3])
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	m := model(t, 1)
	s := open(t, sampler.Options{MaxBatchTokens: 1}) // one at a time
	why := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	r := ask(m, "x", 1)
	r.EOS, r.MaxTokens = -1, 0
	n := 0
	r.Stream = func(string) {
		if n++; n == 3 {
			cancel(why)
		}
	}
	// Streams to a caller that stops in the middle, or just finished.
	if _, err := s.Submit(ctx, r); err != nil && !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if _, err := s.Submit(ctx, ask(m, "x", 1)); !errors.Is(err, why) {
		t.Errorf("an ended context: got %v, want %v", err, why)
	}
	// Neither a running nor a waiting request that was cancelled is in the way
	// of the next.
	blocked, release := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	started := make(chan struct{}, 8)
	for i := range 4 {
		wg.Go(func() {
			started <- struct{}{}
			r := ask(m, "y", uint64(i))
			r.EOS, r.MaxTokens = -1, 0
			if _, err := s.Submit(blocked, r); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for range 4 {
		<-started
	}
	release()
	wg.Wait()
	if got := submit(t, s, ask(m, "x", 1)); len(got.Tokens) == 0 {
		t.Errorf("got %+v", got)
	}
}

// TestForget: an idle sampler that was told to forget keeps no model alive.
func TestForget(t *testing.T) {
	t.Parallel()
	s := open(t, sampler.Options{})
	used := func() weak.Pointer[policy.Model] {
		m := model(t, 1)
		submit(t, s, ask(m, "x", 1))
		return weak.Make(m)
	}()
	s.Forget()
	for range 1000 { // the scheduler comes to it by itself
		if runtime.GC(); used.Value() == nil {
			return
		}
		runtime.Gosched()
	}
	t.Error("the model is still held")
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	m := model(t, 1)
	s := sampler.New(tokenizer.New(), sampler.Options{MaxBatchTokens: 200})
	var wg sync.WaitGroup
	streaming := make(chan struct{}, 1000)
	for i := range 20 {
		wg.Go(func() {
			r := ask(m, "x", uint64(i))
			r.EOS, r.MaxTokens = -1, 0
			r.Stream = func(string) { streaming <- struct{}{} }
			for {
				if _, err := s.Submit(context.Background(), r); err != nil {
					if !errors.Is(err, sampler.ErrClosed) {
						t.Errorf("got %v, want ErrClosed", err)
					}
					return
				}
				r.Stream = nil
			}
		})
	}
	<-streaming
	s.Close()
	s.Close()
	wg.Wait()
	if _, err := s.Submit(context.Background(), ask(m, "x", 1)); !errors.Is(err, sampler.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	for range 1000 { // workers of the kernels end by themselves
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	buf := make([]byte, 1<<16)
	if stacks := string(buf[:runtime.Stack(buf, true)]); strings.Contains(stacks, "internal/sampler.(*Sampler)") {
		t.Errorf("a goroutine is left:\n%s", stacks)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	m := model(t, 1)
	s := open(t, sampler.Options{})
	for want, change := range map[string]func(*sampler.Request){
		"no model":              func(r *sampler.Request) { r.Model = nil },
		"the prompt is empty":   func(r *sampler.Request) { r.Prompt = nil },
		"leaves no room":        func(r *sampler.Request) { r.Prompt = make([]int32, shape.MaxContext) },
		"prompt token 1":        func(r *sampler.Request) { r.Prompt = []int32{1, 264} },
		"max_tokens":            func(r *sampler.Request) { r.MaxTokens = -1 },
		"temperature":           func(r *sampler.Request) { r.Temperature = math.NaN() },
		"top_p must be":         func(r *sampler.Request) { r.TopP = 0 },
		"top_k must be":         func(r *sampler.Request) { r.TopK = -1 },
		"min_p must be":         func(r *sampler.Request) { r.MinP = 1.5 },
		"stop string 1 is empt": func(r *sampler.Request) { r.Stop = []string{"a", ""} },
	} {
		r := ask(m, "x", 1)
		change(&r)
		if _, err := s.Submit(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	params := shape.Init(1)
	params[len(params)-1] = float32(math.Inf(1)) // of the last norm's gain
	broken, err := policy.New(shape, params)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(context.Background(), ask(broken, "x", 1)); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("a diverged model: got %v", err)
	}
}

func BenchmarkGroups(b *testing.B) {
	m, err := policy.New(policy.Mini, policy.Mini.Init(1))
	if err != nil {
		b.Fatal(err)
	}
	s := sampler.New(tokenizer.New(), sampler.Options{})
	defer s.Close()
	tokens := 0
	for step := 0; b.Loop(); step++ {
		var wg sync.WaitGroup
		for i := range 128 {
			wg.Go(func() {
				r := ask(m, fmt.Sprintf("What is %d + %d?", i/8, step), uint64(i))
				r.MaxTokens, r.EOS = 5, -1
				if _, err := s.Submit(context.Background(), r); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		tokens += 128 * 5
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}

// TestTemperatureNextToZero: one whose reciprocal is not finite is greedy.
func TestTemperatureNextToZero(t *testing.T) {
	t.Parallel()
	m := model(t, 1)
	s := open(t, sampler.Options{})
	for _, processed := range []bool{false, true} {
		greedy := ask(m, "x", 1)
		greedy.Temperature, greedy.Processed = 0, processed
		want := submit(t, s, greedy)
		for _, temperature := range []float64{5e-324, 1e-310, 1e-300} {
			r := greedy
			r.Temperature = temperature
			if got := submit(t, s, r); !slices.Equal(got.Tokens, want.Tokens) || !slices.Equal(got.Logprobs, want.Logprobs) {
				t.Errorf("temperature %v: got %v %v, want %v %v", temperature, got.Tokens, got.Logprobs, want.Tokens, want.Logprobs)
			}
		}
	}
}
