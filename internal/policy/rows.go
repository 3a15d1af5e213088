package policy

import "github.com/hudrl/hudrl/internal/kernel"

// minPiece is how many values a core gets at least: they take longer than the
// cores to come together again, about half a microsecond.
const minPiece = 1 << 13

// byRows calls f for pieces of n rows with width values each, on several cores
// where that pays. What f does to a row must not depend on the piece.
func byRows(n, width int, f func(lo, hi int)) {
	parts := min(n, n*width/minPiece)
	if parts > 1 {
		parts = min(parts, kernel.Cores())
	}
	if parts <= 1 {
		f(0, n)
		return
	}
	kernel.Parallel(parts, func(i int) { f(n*i/parts, n*(i+1)/parts) })
}

// byColumns calls f for parts of n columns of that many rows each, as byRows
// does: for sums over rows, whose order then stays.
func byColumns(n, rows int, f func(lo, hi int)) {
	const unit = 16
	byRows((n+unit-1)/unit, unit*rows, func(lo, hi int) { f(lo*unit, min(hi*unit, n)) })
}

// A matrix is a weight W[Out, In] of y = x·Wᵀ: as it lies in the slab, and as
// panels where the model has them.
type matrix struct {
	out, in int
	w       []float32
	panel   *kernel.Panel
}

// apply is y[n, out] = x[n, in]·Wᵀ, or += when add is set.
func (m *matrix) apply(n int, x, y []float32, add bool) {
	if m.panel != nil {
		kernel.GemmPanel(n, x, m.in, m.panel, y, m.out, add)
		return
	}
	kernel.Gemm(kernel.NT, n, m.out, m.in, x, m.in, m.w, m.in, y, m.out, add)
}

// back is dx[n, in] = dy[n, out]·W.
func (m *matrix) back(n int, dy, dx []float32) {
	kernel.Gemm(kernel.NN, n, m.in, m.out, dy, m.out, m.w, m.in, dx, m.in, false)
}

// gradient is dW[out, in] += dyᵀ·x.
func (m *matrix) gradient(n int, dy, x, dw []float32) {
	kernel.Gemm(kernel.TN, m.out, m.in, n, dy, m.out, x, m.in, dw, m.in, true)
}
