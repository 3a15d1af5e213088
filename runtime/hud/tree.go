package hud

import (
	"cmp"
	"slices"
)

// A TreeLine is a line of a checkpoint tree that is drawn as text.
type TreeLine struct {
	*Checkpoint        // nil: the weights that all began with
	Branch      string // what is drawn before its name: "│  ├─ "
	Head        bool
	OnWay       bool // it is the head, or the head was trained from it
}

// Marker is what is drawn before a line, the same as HUD draws.
func (n *TreeLine) Marker() string {
	if n.Head {
		return "▶"
	}
	return ""
}

// Tree lays a model's checkpoints out as text, parents before children, in the order
// they were made. The child on the way to the head, else the latest, goes on in
// its parent's column; the others are branches before it. Checkpoints whose
// parent is not there begin with the base weights, which are a line of their
// own where several things begin there or the head is there. Where a service's
// answer goes round in circles, each checkpoint is drawn once.
func Tree(list []Checkpoint) []TreeLine {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y Checkpoint) int { return x.CreatedAt.Compare(y.CreatedAt) })
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
		t.lines = append(t.lines, TreeLine{Head: head == base, OnWay: true})
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
	list     []Checkpoint
	children map[int][]int
	head     int
	onWay    map[int]bool // from the beginning to the head
	drawn    map[int]bool
	lines    []TreeLine
}

func (t *treeDrawer) line(i int, branch string) {
	t.drawn[i] = true
	t.lines = append(t.lines, TreeLine{&t.list[i], branch, i == t.head, t.onWay[i]})
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
