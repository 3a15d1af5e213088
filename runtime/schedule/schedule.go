// Package schedule has learning-rate schedules.
//
// A schedule covers steps 1 to n. It depends on the step number alone, so a
// resumed run goes on where it stopped, and a step past the end is an error,
// never a silent zero. A warm-up of w steps rises linearly to the peak, which
// step w reaches; the schedule proper covers the n−w steps after it and
// starts at the peak:
//
//	f, err := schedule.Cosine(2e-3, 1e-4, 3500, schedule.Warmup(200))
//	rate, err := f(step)
package schedule

import (
	"fmt"
	"math"
)

// A Func gives the learning rate of a step, from 1. It fails for a step the
// schedule does not cover.
type Func func(step int) (float64, error)

// Warmup is the number of steps over which a schedule first rises.
type Warmup int

// Constant keeps a rate for ever: it has no last step.
func Constant(rate float64, w Warmup) (Func, error) {
	const op = "constant"
	if err := check(op, rate, rate); err != nil {
		return nil, err
	}
	if w < 0 {
		return nil, fmt.Errorf("%s: warmup: got %d, want at least 0", op, w)
	}
	return warm(op, rate, math.MaxInt, w, func(int) float64 { return rate }), nil
}

// Linear falls (or rises) from one rate towards another over n steps:
// to + (from−to)·(n−s+1)/n at step s. Step 1 has from; to would be step n+1,
// so a schedule to 0 never trains with a rate of 0.
func Linear(from, to float64, n int, w Warmup) (Func, error) {
	const op = "linear"
	m, err := length(op, from, to, n, w)
	if err != nil {
		return nil, err
	}
	return warm(op, from, n, w, func(s int) float64 {
		return to + (from-to)*float64(m-s+1)/float64(m)
	}), nil
}

// Cosine goes from one rate towards another along half a cosine:
// to + (from−to)·(1+cos(π(s−1)/n))/2 at step s (Loshchilov and Hutter, "SGDR",
// 2017, without restarts). As in Linear, to would be step n+1.
func Cosine(from, to float64, n int, w Warmup) (Func, error) {
	const op = "cosine"
	m, err := length(op, from, to, n, w)
	if err != nil {
		return nil, err
	}
	return warm(op, from, n, w, func(s int) float64 {
		return to + (from-to)*(1+math.Cos(math.Pi*float64(s-1)/float64(m)))/2
	}), nil
}

// WSD warms up, stays at the peak, and decays linearly over the last decay of
// n steps (Hu et al., "MiniCPM", 2024). The first decaying step is below the
// peak, and to would be step n+1.
func WSD(peak, to float64, n, decay int, w Warmup) (Func, error) {
	const op = "wsd"
	m, err := length(op, peak, to, n, w)
	if err != nil {
		return nil, err
	}
	if decay < 0 || decay > m {
		return nil, fmt.Errorf("%s: decay: got %d, want 0 to %d, the steps after the warm-up", op, decay, m)
	}
	return warm(op, peak, n, w, func(s int) float64 {
		left := m - s + 1 // steps to go, this one included
		if left > decay {
			return peak
		}
		return to + (peak-to)*float64(left)/float64(decay+1)
	}), nil
}

// warm puts a warm-up before a schedule of n steps in all; after counts its
// steps from 1.
func warm(op string, peak float64, n int, w Warmup, after func(s int) float64) Func {
	return func(step int) (float64, error) {
		switch {
		case step < 1:
			return 0, fmt.Errorf("%s: step: got %d, want at least 1", op, step)
		case step > n:
			return 0, fmt.Errorf("%s: step: got %d, want at most %d, the length of the schedule", op, step, n)
		case step <= int(w):
			return peak * float64(step) / float64(w), nil
		}
		return after(step - int(w)), nil
	}
}

// length validates a schedule and returns the number of steps after the
// warm-up.
func length(op string, from, to float64, n int, w Warmup) (int, error) {
	if err := check(op, from, to); err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("%s: steps: got %d, want at least 1", op, n)
	}
	if w < 0 || int(w) >= n {
		return 0, fmt.Errorf("%s: warmup: got %d, want 0 to %d, fewer than the %d steps", op, w, n-1, n)
	}
	return n - int(w), nil
}

func check(op string, from, to float64) error {
	if !(from > 0) || math.IsInf(from, 0) {
		return fmt.Errorf("%s: rate: got %v, want a finite number above 0", op, from)
	}
	if !(to >= 0) || math.IsInf(to, 0) {
		return fmt.Errorf("%s: final rate: got %v, want a finite number of at least 0", op, to)
	}
	return nil
}
