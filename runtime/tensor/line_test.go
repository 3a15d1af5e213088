package tensor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestManyLosses: the gradients of many losses are the same in every bit
// whether other cores help or not, and what each operation gives by itself,
// also where losses read the same elements or what one operation made.
func TestManyLosses(t *testing.T) {
	const n, datums = 256, 300
	for _, tt := range []struct {
		name string
		// loss of datum d, of x as it is and as some operation made it
		loss func(r *rand.Rand, d int, x, y, q T) T
	}{
		{"in turn", func(_ *rand.Rand, d int, x, _, q T) T {
			part := x.Narrow(0, d*n, n).Sub(q.Narrow(0, d*n, n)).Exp()
			return part.Mul(tensor.Scalar(float64(d%5) - 2)).Mul(part.Le(tensor.Scalar(1.1))).Sum()
		}},
		{"overlapping", func(_ *rand.Rand, d int, x, _, q T) T {
			return x.Narrow(0, d*n/2, n).Sub(q.Narrow(0, d*n, n)).Exp().Mul(tensor.Scalar(float64(d%5) - 2)).Sum()
		}},
		{"anywhere", func(r *rand.Rand, d int, x, _, q T) T {
			return x.Narrow(0, r.IntN(datums*n-n), n).Exp().Mul(q.Narrow(0, d*n, n)).Sum()
		}},
		{"of a result", func(_ *rand.Rand, d int, _, y, q T) T {
			return y.Narrow(0, d*n, n).Exp().Mul(q.Narrow(0, d*n, n)).Sum()
		}},
		{"of a result anywhere", func(r *rand.Rand, d int, x, y, q T) T {
			return y.Narrow(0, r.IntN(datums*n-n), n).Exp().Mul(x.Narrow(0, d*n, n)).Sum()
		}},
		{"of two lengths", func(_ *rand.Rand, d int, x, _, q T) T {
			return x.Narrow(0, d*n, n-d%2).Exp().Mul(q.Narrow(0, d*n, n-d%2)).Sum()
		}},
		{"with one they share", func(_ *rand.Rand, d int, x, y, q T) T {
			return x.Narrow(0, d*n, n).Exp().Mul(y.Narrow(0, 0, n)).Sum().Add(y.Narrow(0, 7, 1).Sum())
		}},
		{"with a scale", func(_ *rand.Rand, d int, x, y, q T) T {
			return x.Narrow(0, d*n, n).Mul(q.Narrow(0, 0, 1)).Mul(y.Narrow(0, 3, 1)).Exp().Sum()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := func(a *tensor.Allocator) []float32 {
				r := rand.New(rand.NewPCG(5, 6))
				p, s := make([]float32, n*datums), make([]float32, n*datums)
				for i := range p {
					p[i], s[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
				}
				x, q := a.From(p, n*datums).RequireGrad(), a.From(s, n*datums)
				for range 2 {
					y, total := x.Mul(tensor.Scalar(0.7)), a.Scalar(0)
					for d := range datums {
						total = total.Sub(tt.loss(r, d, x, y, q))
					}
					if err := total.Backward(); err != nil {
						t.Fatal(err)
					}
				}
				return x.Grad().Data()
			}
			want := run(tensor.Eager())
			for _, cores := range []int{1, 2, 4} {
				was := runtime.GOMAXPROCS(cores)
				got := run(tensor.Late())
				runtime.GOMAXPROCS(was)
				if !slices.Equal(got, want) {
					t.Errorf("%d cores: the gradient differs", cores)
				}
			}
		})
	}
}

// TestManyLossesRefused: a budget that runs out between losses leaves no
// gradient, and the next run right.
func TestManyLossesRefused(t *testing.T) {
	const n, datums = 1000, 100
	ran := 0
	for _, room := range []int64{0, 2, 4, 8, 16} {
		limit := tensor.NewLimit(4*n*datums + 4*n*datums*room/2 + 1<<19)
		a := tensor.NewAllocator(limit)
		x := a.Full(0.5, n*datums).RequireGrad()
		run := func(scale float64) error {
			y := x.Mul(tensor.Scalar(scale))
			total := a.Scalar(0)
			for d := range datums {
				total = total.Add(x.Narrow(0, d*n, n).Square().Sum()).Add(y.Narrow(0, d*n, n).Sum())
			}
			return total.Backward()
		}
		err := run(2)
		var refused *tensor.LimitError
		if err == nil {
			ran++
		}
		switch {
		case errors.As(err, &refused) && x.Grad() != nil:
			t.Errorf("room for %d halves: a refused run left a gradient", room)
		case err != nil && refused == nil:
			t.Errorf("room for %d halves: got %v, want a limit or nothing", room, err)
		case err == nil && slices.ContainsFunc(x.Grad().Data(), func(g float32) bool { return g != 3 }):
			t.Errorf("room for %d halves: got %v, want 2·0.5 + 2", room, fmt.Sprint(x.Grad()))
		}
	}
	if ran == 0 || ran == 5 {
		t.Errorf("got %d runs of 5 within the limit, want some", ran)
	}
}
