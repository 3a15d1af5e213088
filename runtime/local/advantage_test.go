package local

import "testing"

func TestAdvantages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		rewards  []float64
		size     int
		scale    float64
		want     []float64
		noSpread int
	}{
		{"one group", []float64{1, 0, 0, 1}, 0, 1, []float64{0.5, -0.5, -0.5, 0.5}, 0},
		{"pairs, no division by the deviation", []float64{1, 0, 4, 0}, 2, 1, []float64{0.5, -0.5, 2, -2}, 0},
		{"scaled", []float64{1, 0}, 2, 3, []float64{1.5, -1.5}, 0},
		// The mean of three 0.1 is 0.10000000000000002 in float64.
		{"equal rewards give exactly 0", []float64{0.1, 0.1, 0.1, 1, 2, 3}, 3, 1, []float64{0, 0, 0, -1, 0, 1}, 1},
		{"groups of one", []float64{5, 7}, 1, 1, []float64{0, 0}, 2},
		{"a single trajectory", []float64{5}, 0, 1, []float64{0}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, noSpread := advantages(tt.rewards, tt.size, tt.scale)
			if noSpread != tt.noSpread {
				t.Errorf("groups without spread: got %d, want %d", noSpread, tt.noSpread)
			}
			for i := range tt.want {
				if got[i] != tt.want[i] {
					t.Errorf("got %v, want %v", got, tt.want)
					break
				}
			}
		})
	}
}
