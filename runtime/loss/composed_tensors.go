package loss

import (
	"math"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// timesLog is exp(a)·b, 0 where exp(a) is.
func timesLog(a, b *tensor.Tensor) *tensor.Tensor {
	p, none := a.Exp(), tensor.Scalar(0)
	return tensor.Where(p, p.Mul(tensor.Where(p, b, none)), none)
}

// klForm is Σ exp(a)(a − b).
func klForm(a, b *tensor.Tensor) *tensor.Tensor {
	p, none := a.Exp().Detach(), tensor.Scalar(0)
	return timesLog(a, tensor.Where(p, a, none).Sub(tensor.Where(p, b, none))).Sum(-1)
}

func jsdForm(lp, lq *tensor.Tensor, beta float64) *tensor.Tensor {
	switch beta {
	case 0:
		return klForm(lq, lp)
	case 1:
		return klForm(lp, lq)
	}
	m := tensor.Stack([]*tensor.Tensor{lp.Add(tensor.Scalar(math.Log1p(-beta))), lq.Add(tensor.Scalar(math.Log(beta)))}, 0).LogSumExp(0)
	return klForm(lq, m).Mul(tensor.Scalar(beta)).Add(klForm(lp, m).Mul(tensor.Scalar(1 - beta)))
}

// excluded is a logprob of what is left out: its probability is 0, and unlike
// that of −Inf its gradient is 0 as well.
var excluded = tensor.Scalar(-1e30).ReadOnly()

// topMask is 1 for the k largest of each row, equals by their number.
func topMask(z *tensor.Tensor, k int) *tensor.Tensor {
	n, vocab := z.Shape()[0], z.Shape()[1]
	data, out, row := z.Data(), make([]float32, n*vocab), make([]float64, vocab)
	var top []int
	for i := range n {
		for v := range row {
			row[v] = float64(data[i*vocab+v])
		}
		top = largest(top[:0], row, min(k, vocab))
		for _, v := range top {
			out[i*vocab+v] = 1
		}
	}
	return tensor.From(out, n, vocab)
}

// topkForm is jsdForm over the k most likely tokens, a constant choice, and a
// bucket of the others.
func topkForm(lp, lq, z *tensor.Tensor, c map[string]float64) *tensor.Tensor {
	top := topMask(z, int(c[keyTopK]))
	cut := func(l *tensor.Tensor) *tensor.Tensor {
		l = tensor.Where(top, l, excluded)
		mass := l.LogSumExp(1).Unsqueeze(1)
		if c[keyTail] == 0 {
			return tensor.Where(top, l.Sub(mass), excluded)
		}
		rest := mass.Clamp(math.Inf(-1), maxTail).Expm1().Neg().Log()
		return tensor.Cat([]*tensor.Tensor{l, rest}, 1)
	}
	return jsdForm(cut(lp), cut(lq), c[keyAlpha])
}

// Tokens is the loss at each position, [N], written with tensor operations, 0
// where the mask is: see [DistributionLoss.Tokens].
func (t *ValueLoss) Tokens(x Values) (*tensor.Tensor, error) {
	n, _, _, err := t.shapes(x, Settings{})
	if err != nil {
		return nil, err
	}
	list := func(v []float64) *tensor.Tensor {
		out := make([]float32, n)
		for i, e := range v {
			if x.Mask == nil || x.Mask[i] != 0 {
				out[i] = float32(e)
			}
		}
		return tensor.From(out, n)
	}
	mask := tensor.Ones(n)
	if x.Mask != nil {
		mask = tensor.From(x.Mask, n)
	}
	none := tensor.Scalar(0)
	v, target := tensor.Where(mask, x.Values, none), list(x.Returns)
	loss := v.Sub(target).Square()
	scale := 0.5
	if t.old {
		old, eps := list(x.Old), tensor.Scalar(t.config[keyEpsilon])
		held := v.Minimum(old.Add(eps)).Maximum(old.Sub(eps))
		loss = loss.Maximum(held.Sub(target).Square())
	} else {
		scale *= t.config[keyScale]
	}
	out := tensor.Where(mask, loss.Mul(tensor.Scalar(scale)).Mul(mask), none)
	return out, out.Err()
}

// BradleyTerryPairs is the loss of each pair, [P], of [BradleyTerry], written
// with tensor operations.
func BradleyTerryPairs(op string, chosen, rejected *tensor.Tensor, margin []float64) (*tensor.Tensor, error) {
	if err := checkScores(op, chosen, rejected, margin); err != nil {
		return nil, err
	}
	z := chosen.Sub(rejected)
	if margin != nil {
		m := make([]float32, len(margin))
		for i, v := range margin {
			m[i] = float32(v)
		}
		z = z.Sub(tensor.From(m, len(m)))
	}
	out := z.LogSigmoid().Neg()
	return out, out.Err()
}

// AuxForm is [Aux] written with tensor operations.
func AuxForm(logits *tensor.Tensor, mask []float32, k int, coef float64) (*tensor.Tensor, error) {
	n, experts, err := checkAux(logits, mask, k, coef)
	if err != nil {
		return nil, err
	}
	rows, none := 0.0, tensor.Scalar(0)
	weight := make([]float32, n)
	for i := range weight {
		if mask == nil || mask[i] != 0 {
			weight[i] = 1
			rows++
		}
	}
	on := tensor.From(weight, n).Unsqueeze(1)
	z := tensor.Where(on, logits, none)
	over := tensor.Scalar(1 / max(1, rows))
	share := tensor.Where(on, topMask(z, k), none).Sum(0).Mul(over)
	mean := tensor.Where(on, z.Softmax(1), none).Sum(0).Mul(over)
	out := share.Mul(mean).Sum().Mul(tensor.Scalar(coef * float64(experts)))
	return out, out.Err()
}
