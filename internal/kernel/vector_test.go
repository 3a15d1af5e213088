package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// An operation is run on random rows and compared with its reference in float64. Its slices are ins read-only ones and
// outs others; a scalar result, if it has one, is appended to the outs as a slice of one.
type operation struct {
	name      string
	ins, outs int
	run       func(in, out [][]float32) []float32
	ref       func(in, out [][]float64) []float64
	bound     func(in [][]float64, i int, want float64, n float64) float64
}

var adamwTest = AdamWParams{LearningRate: 3e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Step: 3, GradScale: 0.5}

func sumAbs(n int, f func(i int) float64) (s float64) {
	for i := range n {
		s += math.Abs(f(i))
	}
	return s
}

var operations = []operation{
	{"Dot", 2, 0,
		func(in, _ [][]float32) []float32 { return []float32{Dot(in[0], in[1])} },
		func(in, _ [][]float64) []float64 { return []float64{DotRef(in[0], in[1])} },
		func(in [][]float64, _ int, _, n float64) float64 {
			return (n/8 + 10) * eps32 * sumAbs(int(n), func(i int) float64 { return in[0][i] * in[1][i] })
		}},
	{"Axpy", 1, 1,
		func(in, out [][]float32) []float32 { Axpy(-0.75, in[0], out[0]); return nil },
		func(in, out [][]float64) []float64 { AxpyRef(-0.75, in[0], out[0]); return nil },
		func(in [][]float64, i int, want, _ float64) float64 {
			return 2 * eps32 * (math.Abs(in[0][i]) + math.Abs(want))
		}},
	{"Scale", 0, 1,
		func(_, out [][]float32) []float32 { Scale(1.1, out[0]); return nil },
		func(_, out [][]float64) []float64 {
			for i := range out[0] {
				out[0][i] *= float64(float32(1.1))
			}
			return nil
		},
		func(_ [][]float64, _ int, want, _ float64) float64 { return eps32 * math.Abs(want) }},
	{"ExpTo", 1, 1,
		func(in, out [][]float32) []float32 { ExpTo(out[0], in[0]); return nil },
		func(in, out [][]float64) []float64 { ExpRef(out[0], in[0]); return nil },
		func(_ [][]float64, _ int, want, _ float64) float64 { return 2 * eps32 * want }},
	{"ExpSumTo", 1, 1,
		func(in, out [][]float32) []float32 { return []float32{ExpSumTo(out[0], in[0], 1.5)} },
		func(in, out [][]float64) []float64 { return []float64{ExpSumRef(out[0], in[0], 1.5)} },
		func(_ [][]float64, _ int, want, n float64) float64 { return 12 * eps32 * want }},
	{"LogSumExp", 1, 0,
		func(in, _ [][]float32) []float32 { return []float32{LogSumExp(in[0])} },
		func(in, _ [][]float64) []float64 { return []float64{LogSumExpRef(in[0])} },
		func(_ [][]float64, _ int, want, n float64) float64 { return (5 + math.Abs(want)) * eps32 }},
	{"SoftmaxTo", 1, 1,
		func(in, out [][]float32) []float32 { SoftmaxTo(out[0], in[0]); return nil },
		func(in, out [][]float64) []float64 { SoftmaxRef(out[0], in[0]); return nil },
		func(_ [][]float64, _ int, want, n float64) float64 { return 16 * eps32 * want }},
	{"SoftmaxBack", 2, 1,
		func(in, out [][]float32) []float32 { SoftmaxBack(out[0], in[0], in[1]); return nil },
		func(in, out [][]float64) []float64 { SoftmaxBackRef(out[0], in[0], in[1]); return nil },
		func(in [][]float64, i int, want, n float64) float64 {
			s := sumAbs(int(n), func(j int) float64 { return in[0][j] * in[1][j] })
			return eps32 * (math.Abs(want) + math.Abs(in[1][i])*(math.Abs(in[0][i])+s))
		}},
	{"LogSoftmaxTo", 1, 1,
		func(in, out [][]float32) []float32 { LogSoftmaxTo(out[0], in[0]); return nil },
		func(in, out [][]float64) []float64 { LogSoftmaxRef(out[0], in[0]); return nil },
		func(_ [][]float64, _ int, want, _ float64) float64 { return (4 + math.Abs(want)) * eps32 }},
	{"LogSoftmaxBack", 2, 1,
		func(in, out [][]float32) []float32 { LogSoftmaxBack(out[0], in[0], in[1]); return nil },
		func(in, out [][]float64) []float64 { LogSoftmaxBackRef(out[0], in[0], in[1]); return nil },
		func(in [][]float64, i int, want, n float64) float64 {
			s := sumAbs(int(n), func(j int) float64 { return in[0][j] })
			return eps32 * (math.Abs(want) + math.Abs(in[0][i]) + 3*math.Exp(in[1][i])*s)
		}},
	{"LogSumExpBack", 1, 1,
		func(in, out [][]float32) []float32 { LogSumExpBack(out[0], in[0], -0.75); return nil },
		func(in, out [][]float64) []float64 { LogSumExpBackRef(out[0], in[0], -0.75); return nil },
		func(_ [][]float64, _ int, want, n float64) float64 { return eps32 * (12 + math.Abs(want)) }},
	{"SiluMulTo", 2, 1,
		func(in, out [][]float32) []float32 { SiluMulTo(out[0], in[0], in[1]); return nil },
		func(in, out [][]float64) []float64 { SiluMulRef(out[0], in[0], in[1]); return nil },
		func(_ [][]float64, _ int, want, _ float64) float64 { return 6 * eps32 * math.Abs(want) }},
	{"SiluMulBackTo", 3, 2,
		func(in, out [][]float32) []float32 { SiluMulBackTo(out[0], out[1], in[0], in[1], in[2]); return nil },
		func(in, out [][]float64) []float64 { SiluMulBackRef(out[0], out[1], in[0], in[1], in[2]); return nil },
		func(in [][]float64, i int, want, _ float64) float64 {
			return 10 * eps32 * (math.Abs(want) + math.Abs(in[0][i]*in[2][i])*(1+math.Abs(in[1][i])))
		}},
	{"RMSNormTo", 2, 1,
		func(in, out [][]float32) []float32 { return []float32{RMSNormTo(out[0], in[0], in[1], 1e-5)} },
		func(in, out [][]float64) []float64 { return []float64{RMSNormRef(out[0], in[0], in[1], 1e-5)} },
		func(_ [][]float64, _ int, want, _ float64) float64 { return 4 * eps32 * math.Abs(want) }},
	{"RMSNormBack", 3, 2,
		func(in, out [][]float32) []float32 {
			RMSNormBack(out[0], out[1], in[0], in[1], in[2], 0.75)
			return nil
		},
		func(in, out [][]float64) []float64 {
			RMSNormBackRef(out[0], out[1], in[0], in[1], in[2], 0.75)
			return nil
		},
		func(in [][]float64, i int, want, n float64) float64 {
			s := sumAbs(int(n), func(j int) float64 { return in[0][j] * in[1][j] * in[2][j] }) / n
			return 6*eps32*(math.Abs(want)+math.Abs(in[0][i])*(math.Abs(in[1][i])+math.Abs(in[2][i]))) + (n/8+10)*eps32*s*math.Abs(in[1][i]) + 8*eps32
		}},
	{"AdamW", 1, 3,
		func(in, out [][]float32) []float32 {
			absAll(out[2])
			AdamW(out[0], in[0], out[1], out[2], adamwTest)
			return nil
		},
		func(in, out [][]float64) []float64 {
			absAll(out[2])
			AdamWRef(out[0], in[0], out[1], out[2], adamwTest)
			return nil
		},
		func(in [][]float64, i int, want, _ float64) float64 {
			return 8 * eps32 * (1 + math.Abs(want) + math.Abs(in[0][i])*(1+math.Abs(in[0][i])))
		}},
}

func absAll[F Float](x []F) {
	for i, v := range x {
		x[i] = max(v, -v)
	}
}

func contents(g []*guarded) (x [][]float32) {
	for _, g := range g {
		x = append(x, g.x)
	}
	return x
}

func wideAll(x [][]float32) (y [][]float64) {
	for _, x := range x {
		y = append(y, wide(x))
	}
	return y
}

// TestOperations runs every operation at every length and several offsets: within its bound of float64, writing only
// where it should, and with the same bits at every offset.
func TestOperations(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, op := range operations {
			t.Run(op.name, func(t *testing.T) {
				for _, n := range lengths() {
					if n == 0 && (op.name == "RMSNormTo" || op.name == "RMSNormBack") {
						continue // the mean of nothing
					}
					var first [][]float32
					for _, offset := range []int{0, 1, 7} {
						r := rand.New(rand.NewPCG(uint64(n), 6))
						var in, out []*guarded
						for range op.ins {
							in = append(in, newGuarded(r, n, offset, true).seal())
						}
						for range op.outs {
							out = append(out, newGuarded(r, n, offset, false).seal())
						}
						x, want := wideAll(contents(in)), wideAll(contents(out))
						got := contents(out)
						if s := op.run(contents(in), got); s != nil {
							got = append(got, s)
						}
						if s := op.ref(x, want); s != nil {
							want = append(want, s)
						}
						for i, g := range append(in, out...) {
							g.check(t, fmt.Sprintf("slice %d, n=%d, offset %d", i, n, offset))
						}
						for s := range want {
							for i, w := range want[s] {
								near(t, got[s][i], w, op.bound(x, i, w, float64(n)), "n=%d, offset %d: result %d, %d", n, offset, s, i)
							}
							if first != nil && !sameBits(first[s], got[s]) {
								t.Fatalf("n=%d: result %d differs at offset %d", n, s, offset)
							}
						}
						if first == nil {
							first = got
						}
					}
				}
			})
		}
	})
}

// TestOperationsSpecial puts NaN, infinities, zeros, denormals and extremes at every place of a row and wants what
// float64 arithmetic gives, rounded: the same NaN and infinities, the rest within the bound or 1e-36.
func TestOperationsSpecial(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-39, 100, -100}
	eachLevel(t, func(t *testing.T) {
		for _, op := range operations {
			t.Run(op.name, func(t *testing.T) {
				for _, n := range []int{1, 9, 21, 35} {
					for _, v := range values {
						for at := range n {
							for s := range op.ins {
								r := rand.New(rand.NewPCG(uint64(n), 7))
								var in, got [][]float32
								for range op.ins {
									in = append(in, randoms(r, n))
								}
								for range op.outs {
									got = append(got, randoms(r, n))
								}
								in[s][at] = v
								x, want := wideAll(in), wideAll(got)
								if s := op.run(in, got); s != nil {
									got = append(got, s)
								}
								if s := op.ref(x, want); s != nil {
									want = append(want, s)
								}
								for s := range want {
									for i, w := range want[s] {
										bound := op.bound(x, i, w, float64(n))
										if math.IsNaN(bound) || math.IsInf(bound, 0) {
											bound = 1e-5 * math.Abs(w) // a bound over the row, in another column than the value
										}
										near(t, got[s][i], float64(float32(w)), 2*bound+1e-36, "n=%d: %v at %d: result %d, %d", n, v, at, s, i)
									}
								}
							}
						}
					}
				}
			})
		}
	})
}

// TestInPlace checks the aliasing that the package promises.
func TestInPlace(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		const n = 45
		x, y, d := randoms(r, n), randoms(r, n), randoms(r, n)
		clone := func(x []float32) []float32 { return append([]float32(nil), x...) }
		for _, tt := range []struct {
			name string
			f    func(dst, x []float32)
		}{
			{"ExpTo", ExpTo},
			{"ExpSumTo", func(dst, x []float32) { ExpSumTo(dst, x, 0.5) }},
			{"SoftmaxTo", SoftmaxTo},
			{"SiluMulTo", func(dst, x []float32) { SiluMulTo(dst, x, y) }},
			{"SiluMulTo up", func(dst, x []float32) { SiluMulTo(dst, y, x) }},
			{"RMSNormTo", func(dst, x []float32) { RMSNormTo(dst, x, y, 1e-6) }},
		} {
			want, got := make([]float32, n), clone(x)
			tt.f(want, x)
			tt.f(got, got)
			if !sameBits(got, want) {
				t.Errorf("%s: in place differs", tt.name)
			}
		}
		dg, du := make([]float32, n), make([]float32, n)
		SiluMulBackTo(dg, du, d, x, y)
		g, u := clone(x), clone(y)
		SiluMulBackTo(g, u, d, g, u)
		if !sameBits(g, dg) || !sameBits(u, du) {
			t.Error("SiluMulBackTo: in place differs")
		}
	})
}

// TestKnownValues compares with values worked out by hand.
func TestKnownValues(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		ln2 := float32(math.Ln2)
		p := make([]float32, 2)
		SoftmaxTo(p, []float32{0, ln2}) // e⁰ : e^ln 2 = 1 : 2
		near(t, p[0], 1.0/3, 4*eps32, "softmax")
		near(t, p[1], 2.0/3, 4*eps32, "softmax")
		near(t, LogSumExp([]float32{1000, 1000}), 1000+math.Ln2, 1e-4, "logsumexp of two thousands")
		near(t, LogSumExp(nil), math.Inf(-1), 0, "logsumexp of nothing")
		near(t, LogSumExp([]float32{float32(math.Inf(-1))}), math.Inf(-1), 0, "logsumexp of -Inf")
		near(t, LogSumExp([]float32{0, float32(math.Inf(1))}), math.Inf(1), 0, "logsumexp of +Inf")
		SiluMulTo(p, []float32{0, 1}, []float32{5, 2}) // 0; 2·σ(1) = 2/(1+e⁻¹)
		near(t, p[0], 0, 0, "silu")
		near(t, p[1], 1.4621171572600098, 4*eps32, "silu")
		// ‖(3,4)‖²/2 = 12.5; 3/√12.5·2 and 4/√12.5·1
		RMSNormTo(p, []float32{3, 4}, []float32{2, 1}, 0)
		near(t, p[0], 6/math.Sqrt(12.5), 8*eps32, "rmsnorm")
		near(t, p[1], 4/math.Sqrt(12.5), 8*eps32, "rmsnorm")
		// The first step moves by lr·g/(|g|+ε) = 0.1 after the decay by 1-0.1·0.01.
		w, g, m, v := []float32{1}, []float32{0.5}, []float32{0}, []float32{0}
		AdamW(w, g, m, v, AdamWParams{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, Step: 1, GradScale: 1})
		near(t, w[0], 0.999-0.1, 1e-7, "adamw weight")
		near(t, m[0], 0.05, 1e-8, "adamw m")
		near(t, v[0], 0.00025, 1e-10, "adamw v")
	})
}

// TestGradients differentiates the float64 references numerically, element by element.
func TestGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	const n, h = 7, 1e-5
	x, y, d := wide(randoms(r, n)), wide(randoms(r, n)), wide(randoms(r, n))
	silu := func() float64 {
		out := make([]float64, n)
		SiluMulRef(out, x, y)
		return DotRef(out, d)
	}
	norm := func() float64 {
		out := make([]float64, n)
		RMSNormRef(out, x, y, 1e-3)
		return DotRef(out, d)
	}
	for _, tt := range []struct {
		name string
		f    func() float64
		back func(dx, dy []float64)
	}{
		{"silu", silu, func(dx, dy []float64) { SiluMulBackRef(dx, dy, d, x, y) }},
		{"softmax", func() float64 {
			out := make([]float64, n)
			SoftmaxRef(out, x)
			return SumProductsRef(out, d)
		}, func(dx, _ []float64) {
			out := make([]float64, n)
			SoftmaxRef(out, x)
			SoftmaxBackRef(dx, d, out)
		}},
		{"log-softmax", func() float64 {
			out := make([]float64, n)
			LogSoftmaxRef(out, x)
			return SumProductsRef(out, d)
		}, func(dx, _ []float64) {
			out := make([]float64, n)
			LogSoftmaxRef(out, x)
			LogSoftmaxBackRef(dx, d, out)
		}},
		{"logsumexp", func() float64 { return 1.5 * LogSumExpRef(x) }, func(dx, _ []float64) { LogSumExpBackRef(dx, x, 1.5) }},
		{"quotient", func() float64 {
			out := make([]float64, n)
			DivRef(out, d, x)
			return SumRef(out)
		}, func(dx, _ []float64) { DivBackRef(dx, []float64{1}, d, x) }},
		{"power", func() float64 {
			out := make([]float64, n)
			PowRef(out, x, []float64{2, 3, 1, -1, 0, -2, 5})
			return SumRef(out)
		}, func(dx, _ []float64) { PowBackRef(dx, []float64{1}, x, []float64{2, 3, 1, -1, 0, -2, 5}) }},
		{"variance", func() float64 { return CenteredSumSquaresRef(x, SumRef(x)/n) },
			func(dx, _ []float64) { AddCenteredRef(dx, x, SumRef(x)/n, 2) }},
		{"rmsnorm", norm, func(dx, dy []float64) {
			inv := RMSNormRef(make([]float64, n), x, y, 1e-3)
			RMSNormBackRef(dx, dy, d, x, y, inv)
		}},
	} {
		dx, dy := make([]float64, n), make([]float64, n)
		tt.back(dx, dy)
		for i := range n {
			for _, v := range []struct {
				p   *float64
				got float64
			}{{&x[i], dx[i]}, {&y[i], dy[i]}} {
				saved := *v.p
				*v.p = saved + h
				up := tt.f()
				*v.p = saved - h
				down := tt.f()
				*v.p = saved
				if want := (up - down) / (2 * h); math.Abs(v.got-want) > 1e-8*(1+math.Abs(want)) {
					t.Errorf("%s: gradient %d: got %v, want %v", tt.name, i, v.got, want)
				}
			}
		}
	}
}
