package tensor_test

import (
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// Up to 1000 elements everything is printed; beyond, three at each edge of a
// dimension longer than six, with dots between.
func TestPrintedEdges(t *testing.T) {
	t.Parallel()
	block := func(rows int) int { return rows + 1 } // with its heading
	for _, c := range []struct {
		shape []int
		lines int // with the last one, the size
		cells int // zeros that are printed
		size  string
	}{
		{[]int{1000}, 2, 1000, "[float32 1000]"},
		{[]int{1001}, 2, 6, "[float32 1001]"},
		{[]int{10, 100}, 11, 1000, "[float32 10x100]"},
		{[]int{6, 200}, 7, 36, "[float32 6x200]"},
		{[]int{7, 200}, 8, 36, "[float32 7x200]"},
		{[]int{40, 40}, 8, 36, "[float32 40x40]"},
		{[]int{300, 4}, 8, 24, "[float32 300x4]"},
		{[]int{10, 20, 20}, 6*block(7) + 2, 216, "[float32 10x20x20]"},
		{[]int{2, 20, 30}, 2*block(7) + 1, 72, "[float32 2x20x30]"},
	} {
		got := tensor.Zeros(c.shape...).String()
		lines := strings.Split(got, "\n")
		cells := 0
		for _, line := range lines[:len(lines)-1] {
			if !strings.HasPrefix(line, "(") {
				cells += strings.Count(line, "0")
			}
		}
		if len(lines) != c.lines || cells != c.cells || lines[len(lines)-1] != c.size {
			t.Errorf("%v: got %d lines, %d cells, %s, want %d, %d, %s\n%s", c.shape, len(lines), cells, lines[len(lines)-1], c.lines, c.cells, c.size, got)
		}
		if elided := strings.Contains(got, "..."); elided != (c.cells < 1000) {
			t.Errorf("%v: dots: %t", c.shape, elided)
		}
	}
}
