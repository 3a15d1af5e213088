package serve

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A meter counts what a handler does. Its labels are few: routes and status
// codes, never what clients send.
type meter struct {
	started time.Time

	mu       sync.Mutex
	inFlight int
	routes   map[string]*route
	received int64
	sent     int64
	tokens   map[string]int // by kind
	datums   map[string]int // by pass
	steps    int
}

// A route counts the requests of one pattern.
type route struct {
	codes   map[int]int
	buckets [len(bounds)]int // not cumulative
	seconds float64
}

// bounds are those of the histogram of durations, in seconds: a small chat is
// some milliseconds, a training pass of a large batch minutes.
var bounds = [...]float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600}

func newMeter() *meter {
	return &meter{started: time.Now(), routes: map[string]*route{}, tokens: map[string]int{}, datums: map[string]int{}}
}

func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight++
}

func (m *meter) end(pattern string, x *exchange, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.received += x.received
	m.sent += x.sent
	r := m.routes[pattern]
	if r == nil {
		r = &route{codes: map[int]int{}}
		m.routes[pattern] = r
	}
	r.codes[x.status]++
	r.seconds += took.Seconds()
	if i := sort.SearchFloat64s(bounds[:], took.Seconds()); i < len(bounds) {
		r.buckets[i]++
	}
}

// underWay is how many requests are being answered.
func (m *meter) underWay() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inFlight
}

func (m *meter) chat(prompt, completion int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens["prompt"] += prompt
	m.tokens["completion"] += completion
}

func (m *meter) pass(op string, datums int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.datums[op] += datums
}

func (m *meter) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps++
}

// summary is what a person asks first.
func (m *meter) summary() (up time.Duration, underWay, steps, tokens int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.started).Round(time.Second), m.inFlight, m.steps, m.tokens["completion"]
}

// A page is text in Prometheus's format.
type page struct{ bytes.Buffer }

func (p *page) family(name, kind, help string) {
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (p *page) sample(name, labels string, v float64) {
	if labels != "" {
		labels = "{" + labels + "}"
	}
	fmt.Fprintf(p, "%s%s %s\n", name, labels, strconv.FormatFloat(v, 'g', -1, 64))
}

func (p *page) single(name, kind, help string, v float64) {
	p.family(name, kind, help)
	p.sample(name, "", v)
}

func (p *page) labelled(name, kind, help, label string, values map[string]int) {
	p.family(name, kind, help)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		p.sample(name, fmt.Sprintf("%s=%q", label, key), float64(values[key]))
	}
}

func (m *meter) text(svc hud.Service) []byte {
	var p page
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p.single("go_goroutines", "gauge", "Goroutines that exist.", float64(runtime.NumGoroutine()))
	p.single("go_memstats_heap_alloc_bytes", "gauge", "Bytes of objects on the heap.", float64(memory.HeapAlloc))

	if s, ok := svc.(hud.SamplingMeter); ok {
		stats := s.SamplingStats()
		p.single("hudrl_sampler_steps_total", "counter", "Times that a model was run to draw tokens.", float64(stats.Steps))
		p.single("hudrl_sampler_tokens_total", "counter", "Tokens drawn in them, several at once in a batch.", float64(stats.Tokens))
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	p.single("hudrl_start_time_seconds", "gauge", "When the service began, in seconds since 1970.", float64(m.started.UnixMilli())/1000)
	p.single("hudrl_http_requests_in_flight", "gauge", "Requests being answered, this one included.", float64(m.inFlight))
	p.single("hudrl_http_received_bytes_total", "counter", "Bytes of requests' bodies.", float64(m.received))
	p.single("hudrl_http_sent_bytes_total", "counter", "Bytes of answers' bodies.", float64(m.sent))
	p.labelled("hudrl_chat_tokens_total", "counter", "Tokens of chats.", "kind", m.tokens)
	p.labelled("hudrl_train_datums_total", "counter", "Datums that passes were made over.", "pass", m.datums)
	p.single("hudrl_optim_steps_total", "counter", "Optimizer steps made.", float64(m.steps))

	patterns := slices.Sorted(maps.Keys(m.routes))
	p.family("hudrl_http_requests_total", "counter", "Requests answered.")
	for _, pattern := range patterns {
		codes := m.routes[pattern].codes
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			p.sample("hudrl_http_requests_total", fmt.Sprintf(`route=%q,code="%d"`, pattern, code), float64(codes[code]))
		}
	}
	const seconds = "hudrl_http_request_seconds"
	p.family(seconds, "histogram", "How long requests took, streams to their end.")
	for _, pattern := range patterns {
		r, count, all := m.routes[pattern], 0, 0
		for _, n := range r.codes {
			all += n
		}
		for i, bound := range bounds {
			count += r.buckets[i]
			p.sample(seconds+"_bucket", fmt.Sprintf(`route=%q,le="%v"`, pattern, bound), float64(count))
		}
		p.sample(seconds+"_bucket", fmt.Sprintf(`route=%q,le="+Inf"`, pattern), float64(all))
		p.sample(seconds+"_sum", fmt.Sprintf("route=%q", pattern), r.seconds)
		p.sample(seconds+"_count", fmt.Sprintf("route=%q", pattern), float64(all))
	}
	return p.Bytes()
}

// prometheus answers with the counts so far.
func (h *handler) prometheus(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(h.meter.text(h.svc)) // a client that has gone reads no answer
	return nil
}

// health says that the service answers, or that it will not for long.
func (h *handler) health(w http.ResponseWriter, _ *http.Request) error {
	if h.draining.Load() {
		return answer(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
	}
	return answer(w, http.StatusOK, map[string]string{"status": "ok"})
}
