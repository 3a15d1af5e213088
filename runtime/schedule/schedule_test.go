package schedule_test

import (
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/schedule"
)

func must(f schedule.Func, err error) schedule.Func {
	if err != nil {
		panic(err)
	}
	return f
}

// Every expected rate is worked out in its row.
func TestRates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		f     schedule.Func
		rates map[int]float64
	}{
		{"linear to 0 of 4", must(schedule.Linear(1, 0, 4, 0)), map[int]float64{1: 1, 2: 0.75, 3: 0.5, 4: 0.25}},
		{"linear 2 to 1 of 2", must(schedule.Linear(2, 1, 2, 0)), map[int]float64{1: 2, 2: 1.5}},
		{"linear upwards", must(schedule.Linear(1, 3, 2, 0)), map[int]float64{1: 1, 2: 2}},
		{"linear of 1", must(schedule.Linear(5e-4, 0, 1, 0)), map[int]float64{1: 5e-4}},
		// 2 steps of warm-up, then 4 of linear.
		{"linear warm-up", must(schedule.Linear(1, 0, 6, 2)), map[int]float64{1: 0.5, 2: 1, 3: 1, 4: 0.75, 6: 0.25}},
		// cos(0) = 1, cos(π/3) = 1/2, cos(2π/3) = −1/2.
		{"cosine to 0 of 3", must(schedule.Cosine(4, 0, 3, 0)), map[int]float64{1: 4, 2: 3, 3: 1}},
		// 2 + 2·(1+cos)/2.
		{"cosine to 2", must(schedule.Cosine(4, 2, 2, 0)), map[int]float64{1: 4, 2: 3}},
		{"constant", must(schedule.Constant(0.1, 0)), map[int]float64{1: 0.1, 1 << 40: 0.1}},
		{"constant warm-up", must(schedule.Constant(1, 4)), map[int]float64{1: 0.25, 4: 1, 5: 1}},
		// warm-up 2, stable 3, decay 3: 3/4, 2/4, 1/4 of the peak.
		{"wsd", must(schedule.WSD(1, 0, 8, 3, 2)), map[int]float64{1: 0.5, 2: 1, 3: 1, 5: 1, 6: 0.75, 7: 0.5, 8: 0.25}},
		{"wsd without decay", must(schedule.WSD(1, 0, 3, 0, 0)), map[int]float64{1: 1, 3: 1}},
	}
	for _, tt := range tests {
		for step, want := range tt.rates {
			got, err := tt.f(step)
			if err != nil || math.Abs(got-want) > 1e-15 {
				t.Errorf("%s: step %d: got %v, %v, want %v", tt.name, step, got, err, want)
			}
		}
	}
}

func TestStepsOutside(t *testing.T) {
	t.Parallel()
	f := must(schedule.Linear(1, 0, 4, 0))
	for step, want := range map[int]string{
		0:  "linear: step: got 0, want at least 1",
		-1: "linear: step: got -1, want at least 1",
		5:  "linear: step: got 5, want at most 4, the length of the schedule",
	} {
		if _, err := f(step); err == nil || err.Error() != want {
			t.Errorf("step %d: got error %v, want %q", step, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	tests := map[string]func() (schedule.Func, error){
		"linear: rate: got 0, want a finite number above 0":              func() (schedule.Func, error) { return schedule.Linear(0, 0, 4, 0) },
		"linear: rate: got NaN, want a finite number above 0":            func() (schedule.Func, error) { return schedule.Linear(nan, 0, 4, 0) },
		"cosine: rate: got +Inf, want a finite number above 0":           func() (schedule.Func, error) { return schedule.Cosine(inf, 0, 4, 0) },
		"cosine: final rate: got -1, want a finite number of at least 0": func() (schedule.Func, error) { return schedule.Cosine(1, -1, 4, 0) },
		"linear: steps: got 0, want at least 1":                          func() (schedule.Func, error) { return schedule.Linear(1, 0, 0, 0) },
		"linear: warmup: got 4, want 0 to 3, fewer than the 4 steps":     func() (schedule.Func, error) { return schedule.Linear(1, 0, 4, 4) },
		"constant: warmup: got -1, want at least 0":                      func() (schedule.Func, error) { return schedule.Constant(1, -1) },
		"wsd: decay: got 3, want 0 to 2, the steps after the warm-up":    func() (schedule.Func, error) { return schedule.WSD(1, 0, 4, 3, 2) },
		"wsd: warmup: got -2, want 0 to 3, fewer than the 4 steps":       func() (schedule.Func, error) { return schedule.WSD(1, 0, 4, 3, -2) },
		"constant: rate: got -0.5, want a finite number above 0":         func() (schedule.Func, error) { return schedule.Constant(-0.5, 0) },
		"wsd: final rate: got +Inf, want a finite number of at least 0":  func() (schedule.Func, error) { return schedule.WSD(1, inf, 4, 1, 0) },
		"cosine: warmup: got 9, want 0 to 3, fewer than the 4 steps":     func() (schedule.Func, error) { return schedule.Cosine(1, 0, 4, 9) },
	}
	for want, f := range tests {
		if _, err := f(); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}
