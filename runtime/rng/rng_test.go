package rng_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/rng"
)

// SplitMix64 started at 1234567 gives these five numbers (Vigna's
// splitmix64.c; listed on Rosetta Code, "Pseudo-random numbers/Splitmix64").
// The i-th is the finaliser of 1234567 + i·γ. Derive(s, p) is the finaliser of
// f(s + γ) xor (p + γ), and f(1234567 + γ) is the first number, so p can be
// chosen to make Derive give each of the others.
func TestDeriveIsSplitMix64(t *testing.T) {
	t.Parallel()
	const seed, golden uint64 = 1234567, 0x9e3779b97f4a7c15
	want := []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821}
	state := seed
	for i, w := range want {
		state += golden
		p := (want[0] ^ state) - golden
		if got := rng.Derive(seed, p); got != w {
			t.Errorf("output %d: got %d, want %d", i+1, got, w)
		}
	}
}

func TestDerivePaths(t *testing.T) {
	t.Parallel()
	if got, want := rng.Derive(rng.Derive(9, 1), 2), rng.Derive(9, 1, 2); got != want {
		t.Errorf("a prefix of a path is not a seed: got %d, want %d", got, want)
	}
	if got := rng.Derive(9); got != 9 {
		t.Errorf("the empty path: got %d, want 9", got)
	}
	seen := map[uint64][3]uint64{}
	for a := range uint64(20) {
		for b := range uint64(20) {
			for c := range uint64(20) {
				s := rng.Derive(a, b, c)
				if other, dup := seen[s]; dup {
					t.Fatalf("paths %v and %v share the seed %d", other, [3]uint64{a, b, c}, s)
				}
				seen[s] = [3]uint64{a, b, c}
			}
		}
	}
}

// Streams of neighbouring seeds must look independent: the correlation of
// 20,000 pairs of uniforms has standard deviation 1/√20000 = 0.007, and the
// bound is five of them.
func TestNeighboursAreIndependent(t *testing.T) {
	t.Parallel()
	const n = 20000
	for seed := range uint64(8) {
		a, b := rng.New(seed), rng.New(seed+1)
		var ab, aa, bb float64
		for range n {
			x, y := a.Float()-0.5, b.Float()-0.5
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		if r := ab / math.Sqrt(aa*bb); math.Abs(r) > 0.036 {
			t.Errorf("seeds %d and %d: correlation %.3f", seed, seed+1, r)
		}
	}
}

func TestChildDependsOnTheSeedAlone(t *testing.T) {
	t.Parallel()
	a, b := rng.New(5), rng.New(5)
	a.Float()
	if x, y := a.Child(1).Uint64(), b.Child(1).Uint64(); x != y {
		t.Errorf("drawing from the parent changed the child: %d and %d", x, y)
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	s := rng.New(3)
	tests := []struct{ lo, hi int64 }{
		{0, 0}, {-2, 2}, {97, 122}, {math.MinInt64, math.MaxInt64}, {math.MaxInt64, math.MaxInt64}, {math.MinInt64, 0},
	}
	for _, tt := range tests {
		seen := map[int64]bool{}
		for range 500 {
			v, err := s.Int(tt.lo, tt.hi)
			if err != nil || v < tt.lo || v > tt.hi {
				t.Fatalf("Int(%d, %d): got %d, %v", tt.lo, tt.hi, v, err)
			}
			seen[v] = true
		}
		if span := tt.hi - tt.lo; span >= 0 && span < 30 && len(seen) != int(span)+1 {
			t.Errorf("Int(%d, %d): %d different values in 500 draws, want %d", tt.lo, tt.hi, len(seen), span+1)
		}
	}
	if _, err := s.Int(2, 1); err == nil {
		t.Error("an empty range gave no error")
	}
}

func TestSaveAndRestore(t *testing.T) {
	t.Parallel()
	s := rng.New(math.MaxUint64 - 3)
	for range 17 {
		s.Norm()
	}
	saved, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var restored rng.Stream
	if err := json.Unmarshal(saved, &restored); err != nil {
		t.Fatal(err)
	}
	if got, want := restored.Seed(), s.Seed(); got != want {
		t.Errorf("seed: got %d, want %d", got, want)
	}
	for i := range 100 {
		if got, want := restored.Norm(), s.Norm(); got != want {
			t.Fatalf("draw %d after restoring: got %v, want %v", i, got, want)
		}
	}
	for _, bad := range []string{`{}`, `{"seed":"1","state":"zz"}`, `{"seed":"1","state":"00"}`, `{"seed":1,"state":""}`, `7`, `{"seed":"x"}`} {
		before, _ := json.Marshal(&restored)
		if err := json.Unmarshal([]byte(bad), &restored); err == nil {
			t.Errorf("%s: no error", bad)
		}
		if after, _ := json.Marshal(&restored); string(after) != string(before) {
			t.Errorf("%s: the stream changed", bad)
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		rng.New(uint64(n)).Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		seen := make([]bool, n)
		for _, v := range order {
			seen[v] = true
		}
		for v, ok := range seen {
			if !ok {
				t.Errorf("%d of %d was lost", v, n)
			}
		}
	}
}
