package hud

import (
	"context"
	"fmt"
	"sync"
)

// offPolicy counts the samples whose logprobs are not the sampling policy's:
// drawn at a temperature other than 1, or from a truncated distribution. known
// is how many samples say how they were drawn.
func offPolicy(inputs []TrainInput) (count, known int, example string) {
	for _, s := range samplings(inputs) {
		known++
		var how string
		switch {
		case s.Temperature != 1:
			how = fmt.Sprintf("temperature %v", s.Temperature)
		case s.TopP > 0 && s.TopP < 1:
			how = fmt.Sprintf("top_p %v", s.TopP)
		case s.TopK > 0:
			how = fmt.Sprintf("top_k %d", s.TopK)
		case s.MinP > 0:
			how = fmt.Sprintf("min_p %v", s.MinP)
		default:
			continue
		}
		if count == 0 {
			example = how
		}
		count++
	}
	return count, known, example
}

func samplings(inputs []TrainInput) []*SamplingInfo {
	var all []*SamplingInfo
	for _, in := range inputs {
		if in.Payload == nil {
			continue
		}
		for i := range in.Payload.Samples {
			if s := in.Payload.Samples[i].Sampling; s != nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// A lineage is what the client knows of the model's checkpoint tree. It is
// filled from the catalog the first time a sample's checkpoint is unknown and
// kept up by the client's own steps.
type lineage struct {
	mu      sync.Mutex
	loaded  bool
	head    string            // "" is the base weights
	parent  map[string]string // checkpoint to the one before it; "" is the base
	foreign map[string]bool   // not in this tree
}

func (l *lineage) stepped(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loaded {
		l.parent[id] = l.head
		l.head = id
	}
}

func (l *lineage) moved(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.parent[id]; known {
		l.head = id
	} else {
		l.loaded = false
	}
}

// knows reports whether every checkpoint can be placed without asking.
func (l *lineage) knows(drawn []*SamplingInfo) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.loaded {
		return false
	}
	for _, s := range drawn {
		if _, known := l.parent[s.CheckpointID]; !known && s.CheckpointID != "" && !l.foreign[s.CheckpointID] {
			return false
		}
	}
	return true
}

func (l *lineage) load(tree []Checkpoint, drawn []*SamplingInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.head = true, ""
	l.parent, l.foreign = map[string]string{}, map[string]bool{}
	for _, c := range tree {
		l.parent[c.ID] = c.PrevModelCheckpointID
		if c.IsActive {
			l.head = c.ID
		}
	}
	for _, s := range drawn {
		if _, known := l.parent[s.CheckpointID]; !known {
			l.foreign[s.CheckpointID] = true
		}
	}
}

// lag is the largest number of optimizer steps between the head and the
// checkpoint a sample was drawn from, along the tree; known is false when no
// sample's checkpoint is in it.
func (l *lineage) lag(drawn []*SamplingInfo) (most int, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := map[string]bool{} // the checkpoints not met yet on the way up from the head, which in a long run is long
	for _, s := range drawn {
		if !l.foreign[s.CheckpointID] || s.CheckpointID == "" {
			left[s.CheckpointID] = true
		}
	}
	up := map[string]int{}
	for id, hops := l.head, 0; len(left) > 0; id, hops = l.parent[id], hops+1 {
		if _, again := up[id]; again {
			break
		}
		up[id] = hops
		delete(left, id)
		if id == "" {
			break
		}
	}
	for _, s := range drawn {
		if l.foreign[s.CheckpointID] && s.CheckpointID != "" {
			continue
		}
		seen := map[string]bool{}
		for id, hops := s.CheckpointID, 0; !seen[id]; id, hops = l.parent[id], hops+1 {
			seen[id] = true
			if fromHead, ok := up[id]; ok {
				most, known = max(most, hops+fromHead), true
				break
			}
		}
	}
	return most, known
}

// policyLag returns lag, asking the service for the tree when it must. A
// service that cannot answer only costs the metric.
func (c *TrainingClient) policyLag(ctx context.Context, modelID string, inputs []TrainInput) (int, bool) {
	drawn := samplings(inputs)
	if len(drawn) == 0 {
		return 0, false
	}
	if !c.lineage.knows(drawn) {
		tree, err := c.svc.Checkpoints(ctx, modelID)
		if err != nil {
			return 0, false
		}
		c.lineage.load(tree, drawn)
		if c.journal.Status(modelID).Tree == nil {
			t := treeOf(tree)
			c.journal.Know(modelID, &t)
		}
	}
	return c.lineage.lag(drawn)
}
