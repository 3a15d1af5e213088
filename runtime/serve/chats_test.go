package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A gathering holds chats back until as many have come as it waits for.
type gathering struct {
	*local.Service
	mu   sync.Mutex
	left int
	open chan struct{}
}

func (g *gathering) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	g.mu.Lock()
	if g.left--; g.left == 0 {
		close(g.open)
	}
	g.mu.Unlock()
	select {
	case <-g.open:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return g.Service.Chat(ctx, req)
}

// counted reads two counters of a service's metrics.
func counted(t *testing.T, h http.Handler) (steps, tokens int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for name, dst := range map[string]*int{"steps": &steps, "tokens": &tokens} {
		m := regexp.MustCompile(`\nhudrl_sampler_` + name + `_total (\d+)\n`).FindStringSubmatch(w.Body.String())
		if m == nil {
			t.Fatalf("the metrics do not count %s:\n%s", name, w.Body)
		}
		*dst, _ = strconv.Atoi(m[1])
	}
	return steps, tokens
}

// Two hundred small chats at once, over HTTP: none fails, none answers
// otherwise than alone, and they are sampled together.
func TestManyChatsAtOnce(t *testing.T) {
	t.Parallel()
	const chats, long = 200, 12
	svc := &gathering{Service: open(t), left: chats, open: make(chan struct{})}
	remote, meter := overHTTP(t, svc, serve.Options{}), serve.Handler(svc, serve.Options{})
	ask := func(i int) string {
		seed := uint64(i)
		res, err := remote.Chat(t.Context(), &hud.ChatRequest{
			Model: "tiny", Messages: []hud.Message{{Role: "user", Content: fmt.Sprint("hi ", i%7)}},
			MaxTokens: long, Seed: &seed, ReturnTokenIDs: true,
		})
		if err != nil {
			return err.Error()
		}
		c := res.Choices[0]
		return fmt.Sprint(c.PromptTokenIDs, c.TokenIDs, c.Logprobs, c.Message.Content, c.FinishReason)
	}
	var wg sync.WaitGroup
	together := make([]string, chats)
	for i := range together {
		wg.Go(func() { together[i] = ask(i) })
	}
	wg.Wait()
	steps, tokens := counted(t, meter)
	for i, got := range together {
		if want := ask(i); got != want {
			t.Errorf("chat %d: got %s among others, %s alone", i, got, want)
		}
	}
	moreSteps, moreTokens := counted(t, meter)
	if alone := moreTokens - tokens; alone != tokens || moreSteps-steps != tokens {
		t.Errorf("alone: got %d tokens in %d steps, want as many steps as tokens, and %d as together", alone, moreSteps-steps, tokens)
	}
	// All that can keep some out of the first batches is that they were a moment
	// late.
	if tokens < 10*steps {
		t.Errorf("together: got %d tokens in %d steps, want at least 10 in each", tokens, steps)
	}
}

// BenchmarkChats is chats over loopback HTTP with the model hudrl/nano, so many
// at once: the tokens of all in a second, and of a step.
func BenchmarkChats(b *testing.B) {
	for _, n := range []int{1, 32, 200} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			svc := open(b)
			remote := overHTTP(b, svc, serve.Options{})
			before, total := svc.SamplingStats(), 0
			for b.Loop() {
				var wg sync.WaitGroup
				for i := range n {
					wg.Go(func() {
						seed := uint64(total + i)
						_, err := remote.Chat(b.Context(), &hud.ChatRequest{
							Model: "hudrl/nano", Messages: []hud.Message{{Role: "user", Content: fmt.Sprint(i, "+", i%9)}}, MaxTokens: 16, Seed: &seed,
						})
						if err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
				total += n
			}
			after := svc.SamplingStats()
			tokens := float64(after.Tokens - before.Tokens)
			b.ReportMetric(tokens/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "chats/s")
			b.ReportMetric(tokens/float64(after.Steps-before.Steps), "tokens/step")
		})
	}
}
