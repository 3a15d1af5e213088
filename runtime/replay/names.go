package replay

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
)

// names calls traces by what was said in them: their ids differ from run to
// run.
type names struct {
	mu   sync.Mutex
	said map[string]uint64 // by trace: the sum over its chats, whose order may be anybody's
}

func newNames() *names { return &names{said: map[string]uint64{}} }

// traceKey makes the spellings of an id equal.
func traceKey(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// enter makes a trace known.
func (n *names) enter(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said[traceKey(id)] += 0
}

// say adds a chat to its trace.
func (n *names) say(id string, request []byte) {
	if id == "" {
		return
	}
	h := fnv.New64a()
	h.Write(request)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said[traceKey(id)] += h.Sum64()
}

// of is what a trace is called. One that is not known was named by the script,
// and keeps its id.
func (n *names) of(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum, known := n.said[traceKey(id)]
	if !known {
		return id
	}
	return fmt.Sprintf("trace-%016x", sum)
}
