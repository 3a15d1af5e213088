package hud

import (
	"fmt"
	"slices"
	"strings"
)

// noSpreadWarning is HUD's wording.
const noSpreadWarning = "no GRPO group has any reward spread, so every advantage normalizes to zero and this pass accumulates no gradient. " +
	"Vary task difficulty until rollouts within a group disagree."

// A batchPlan is a validated batch in the order it is sent.
type batchPlan struct {
	inputs    []TrainInput
	order     []int // order[sent position] = position in the caller's batch
	groupSize int   // 0: one group of everything
	keyed     bool
	noSpread  bool // HUD's client would warn
	empty     bool // every advantage the service computes is certainly 0
}

// plan converts a batch, checks its groups and its numbers, and regroups
// interleaved keyed runs. Nothing is sent. The order of the checks and the
// texts are those of HUD's client.
func plan(op string, batch []Item, groupSize *int, rewardScale float64, rule logprobRule) (*batchPlan, error) {
	inputs := make([]TrainInput, len(batch))
	for i, item := range batch {
		if item == nil {
			return nil, invalid(op, "trajectory %d: got nil, want a trace id, a payload or a run", i+1)
		}
		in, err := item.input()
		if err != nil {
			return nil, invalid(op, "trajectory %d: %v", i+1, err)
		}
		inputs[i] = in
	}

	b := &batchPlan{inputs: inputs, order: identity(len(batch))}
	if groupSize != nil {
		if *groupSize < 1 {
			return nil, invalid(op, "group_size: got %d, want at least 1", *groupSize)
		}
		b.groupSize = *groupSize
		if len(batch)%b.groupSize != 0 {
			return nil, invalid(op, "%d trajectories do not divide evenly into groups of %d; "+
				"GRPO normalizes advantages within each group, so every group must be full", len(batch), b.groupSize)
		}
	}
	groups, counts := runGroups(batch)
	b.keyed = groups != nil
	if b.keyed && b.groupSize > 0 {
		var incomplete []string
		for i, group := range groups {
			if counts[group] != b.groupSize && firstOf(groups, i) {
				incomplete = append(incomplete, "'"+group+"'")
			}
		}
		if len(incomplete) > 0 {
			return nil, invalid(op, "incomplete GRPO groups: [%s]", strings.Join(incomplete, ", "))
		}
	}

	if len(batch) == 0 {
		return nil, invalid(op, "batch: got 0 trajectories, want at least 1")
	}
	if !finite(rewardScale) {
		return nil, invalid(op, "reward_scale: got %v, want a finite number", rewardScale)
	}
	for i, in := range inputs {
		if in.Payload == nil {
			continue
		}
		if err := checkPayload(op, i+1, in.Payload, rule); err != nil {
			return nil, err
		}
	}

	b.noSpread = noSpread(batch, groups, b.groupSize)
	if b.keyed && b.groupSize > 0 {
		b.order = gather(groups)
		b.inputs = make([]TrainInput, len(inputs))
		for sent, from := range b.order {
			b.inputs[sent] = inputs[from]
		}
	}
	b.empty = rewardScale == 0 || constantGroups(b.inputs, b.groupSize)
	return b, nil
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// runGroups returns each item's group id and the ids' counts when every item
// is a run with a group id, else nil.
func runGroups(batch []Item) (groups []string, counts map[string]int) {
	if len(batch) == 0 {
		return nil, nil
	}
	groups, counts = make([]string, len(batch)), map[string]int{}
	for i, item := range batch {
		r, ok := item.(*Run)
		if !ok || r.GroupID == "" {
			return nil, nil
		}
		groups[i] = r.GroupID
		counts[r.GroupID]++
	}
	return groups, counts
}

// firstOf reports whether groups[i] does not occur before i.
func firstOf(groups []string, i int) bool {
	for _, g := range groups[:i] {
		if g == groups[i] {
			return false
		}
	}
	return true
}

// gather returns the order that makes equal groups contiguous: groups by
// first appearance, members in the order they came.
func gather(groups []string) []int {
	rank, members := map[string]int{}, [][]int{}
	for i, g := range groups {
		k, known := rank[g]
		if !known {
			k = len(members)
			rank[g] = k
			members = append(members, nil)
		}
		members[k] = append(members[k], i)
	}
	order := make([]int, 0, len(groups))
	for _, m := range members {
		order = append(order, m...)
	}
	return order
}

// noSpread is HUD's check, with its exact conditions: skipped when an item is
// a trace id or there are fewer than two; groups by id when the batch is
// keyed, even without a group_size, else slices of group_size. A run that
// will be sent as a trace id counts: its reward is known.
func noSpread(batch []Item, groups []string, groupSize int) bool {
	if len(batch) < 2 {
		return false
	}
	rewards := make([]float64, len(batch))
	for i, item := range batch {
		switch item := item.(type) {
		case *Run:
			rewards[i] = item.Reward
		case *TrajectoryPayload:
			rewards[i] = item.Reward
		default:
			return false
		}
	}
	if groups == nil {
		size := groupSize
		if size == 0 {
			size = len(batch)
		}
		groups = make([]string, len(batch))
		for i := range groups {
			groups[i] = fmt.Sprint(i / size)
		}
	}
	first := map[string]float64{}
	for i, g := range groups {
		if r, known := first[g]; !known {
			first[g] = rewards[i]
		} else if r != rewards[i] {
			return false
		}
	}
	return true
}

// constantGroups reports whether the service is certain to find every group's
// rewards equal: all are inline, and its groups are contiguous slices.
func constantGroups(inputs []TrainInput, groupSize int) bool {
	if groupSize == 0 {
		groupSize = len(inputs)
	}
	for i, in := range inputs {
		if in.Payload == nil || in.Payload.Reward != inputs[i-i%groupSize].Payload.Reward {
			return false
		}
	}
	return true
}

// globalTrajectories rewrites TrajIdx in place from the request's numbering
// to the caller's, by way of order. A service may number trajectories within
// their group; when every index says so, they are made global first.
func (b *batchPlan) globalTrajectories(p *Packed) {
	if b.groupSize > 0 && b.groupSize < len(b.inputs) {
		global, local := true, true
		for d, t := range p.TrajIdx {
			global = global && t/b.groupSize == p.GroupIdx[d]
			local = local && t < b.groupSize && p.GroupIdx[d] >= 0 && (p.GroupIdx[d]+1)*b.groupSize <= len(b.inputs)
		}
		if local && !global {
			for d := range p.TrajIdx {
				p.TrajIdx[d] += p.GroupIdx[d] * b.groupSize
			}
		}
	}
	for d, t := range p.TrajIdx {
		p.TrajIdx[d] = b.order[t]
	}
}

// carry fills in what the datums' trajectories carry. TrajIdx must be global.
func (p *Packed) carry(batch []Item) {
	p.Extra = make([]map[string]any, p.Len())
	for d, t := range p.TrajIdx {
		switch item := batch[t].(type) {
		case *Run:
			p.Extra[d] = item.Extra
		case *TrajectoryPayload:
			p.Extra[d] = item.Extra
		}
	}
}

// outline is what is known of a batch before its forward pass: a datum without
// positions for each trajectory.
func (b *batchPlan) outline(batch []Item, scale float64, reference bool) *Packed {
	n := len(b.inputs)
	p := &Packed{Offsets: make([]int, n+1), Reward: make([]float64, n), TrajIdx: slices.Clone(b.order), GroupIdx: make([]int, n)}
	for i, in := range b.inputs {
		if p.GroupIdx[i] = -1; b.groupSize > 0 {
			p.GroupIdx[i] = i / b.groupSize
		}
		if in.Payload != nil {
			p.Reward[i] = scale * in.Payload.Reward
		}
	}
	if reference {
		p.RefLogprobs = []float32{}
	}
	p.carry(batch)
	return p
}

// advantages returns each datum's reward minus the mean of its group, every
// trajectory counted once. In a group whose rewards are all equal it is
// exactly 0. TrajIdx must be global.
func advantages(p *Packed) []float64 {
	type group struct {
		sum, first float64
		count      int
		spread     bool
	}
	seen, groups := map[int]bool{}, map[int]*group{}
	for d, t := range p.TrajIdx {
		if seen[t] {
			continue
		}
		seen[t] = true
		r, g := p.Reward[d], groups[p.GroupIdx[d]]
		if g == nil {
			g = &group{first: r}
			groups[p.GroupIdx[d]] = g
		}
		g.sum += r
		g.count++
		g.spread = g.spread || r != g.first
	}
	out := make([]float64, p.Len())
	for d := range out {
		if g := groups[p.GroupIdx[d]]; g.spread {
			out[d] = p.Reward[d] - g.sum/float64(g.count)
		}
	}
	return out
}
