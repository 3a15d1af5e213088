package cli

import (
	"cmp"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A treeNode is a line of a checkpoint tree; a nil Checkpoint is the weights
// that all began with.
type treeNode struct {
	*hud.Checkpoint
	branch string // what is drawn before its name
	head   bool
}

func (n *treeNode) marker() string {
	if n.head {
		return "▶"
	}
	return ""
}

// checkpointTree lays checkpoints out, parents before children, in the order
// they were made. The child on the way to the head, else the latest, goes on in
// its parent's column; the others are branches before it. Checkpoints whose
// parent is not there begin with the base weights, which are a line of their
// own where several things begin there or the head is there. Where a service's
// answer goes round in circles, each checkpoint is drawn once.
func checkpointTree(list []hud.Checkpoint) []treeNode {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y hud.Checkpoint) int { return x.CreatedAt.Compare(y.CreatedAt) })
	at := map[string]int{}
	for i, c := range list {
		at[c.ID] = i
	}
	const base = -1
	children := map[int][]int{}
	head := base
	for i, c := range list {
		parent, known := at[c.PrevModelCheckpointID]
		if !known || parent == i {
			parent = base
		}
		children[parent] = append(children[parent], i)
		if c.IsActive {
			head = i
		}
	}
	t := &treeDrawer{list: list, children: children, head: head, onWay: map[int]bool{}, drawn: map[int]bool{}}
	for i, ok := head, head != base; ok && !t.onWay[i]; {
		t.onWay[i] = true
		i, ok = at[list[i].PrevModelCheckpointID]
	}
	if head == base || len(children[base]) != 1 {
		t.lines = append(t.lines, treeNode{head: head == base})
	}
	t.draw(base, "")
	for i := range list { // of circles
		if !t.drawn[i] {
			t.line(i, "")
			t.draw(i, "")
		}
	}
	return t.lines
}

type treeDrawer struct {
	list     []hud.Checkpoint
	children map[int][]int
	head     int
	onWay    map[int]bool // from the beginning to the head
	drawn    map[int]bool
	lines    []treeNode
}

func (t *treeDrawer) line(i int, branch string) {
	t.drawn[i] = true
	t.lines = append(t.lines, treeNode{&t.list[i], branch, i == t.head})
}

// draw draws what comes after node i.
func (t *treeDrawer) draw(i int, indent string) {
	for {
		next := slices.DeleteFunc(slices.Clone(t.children[i]), func(c int) bool { return t.drawn[c] })
		if len(next) == 0 {
			return
		}
		trunk := slices.MaxFunc(next, func(x, y int) int {
			return cmp.Or(compareBool(t.onWay[x], t.onWay[y]), cmp.Compare(x, y))
		})
		for _, c := range next {
			if c != trunk {
				t.line(c, indent+"├─ ")
				t.draw(c, indent+"│  ")
			}
		}
		t.line(trunk, indent)
		i = trunk
	}
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}
