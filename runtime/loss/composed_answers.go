package loss

import (
	"fmt"

	"github.com/hudrl/hudrl/runtime/hud"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// answerTerms are what an answerForm is made of.
type answerTerms struct {
	sums
	op         string
	b          *Batch
	answers    []*answer
	mismatched []*answer

	running  Running
	arranged *arrangement
}

// An answerForm is the loss of each answer, [A].
type answerForm func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error)

// Answers is the loss of each answer, [A], in order of appearance and without
// those that only serve as a measure, written with tensor operations. Of the
// settings it takes none. It leaves the loss's state as it is: bco's mean counts
// this batch in as Loss would.
func (t *AnswerLoss) Answers(b *Batch, s Settings) (*tensor.Tensor, error) {
	if err := t.Check(s); err != nil {
		return nil, err
	}
	var r roster
	if err := t.list(&r, b.Packed); err != nil {
		return nil, err
	}
	x := &answerTerms{op: t.name, b: b, running: t.running}
	for _, a := range r.answers {
		apart, _, err := a.flag(t.name, extraMismatched)
		if err != nil {
			return nil, err
		}
		if apart {
			x.mismatched = append(x.mismatched, a)
		} else {
			x.answers = append(x.answers, a)
		}
	}
	x.arranged = b.arrangeAnswers(x.answers)
	x.sums = x.arranged.sums(0)
	f, ok := composedAnswers[t.name]
	if !ok {
		return nil, fmt.Errorf("%s: has no composed form", t.name)
	}
	out, err := f(x, t.config)
	if err != nil {
		return nil, err
	}
	return out, out.Err()
}

// arrangeAnswers has one answer in each row.
func (b *Batch) arrangeAnswers(answers []*answer) *arrangement {
	rows := make([][]*answer, len(answers))
	for i, a := range answers {
		rows[i] = []*answer{a}
	}
	return b.arrange(rows)
}

// judged is good for desirable answers and bad for the others.
func (x *answerTerms) judged(good, bad *tensor.Tensor) (*tensor.Tensor, error) {
	flags := make([]float32, len(x.answers))
	for i, a := range x.answers {
		desirable, has, err := a.flag(x.op, extraDesirable)
		switch {
		case err != nil:
			return nil, err
		case !has && x.b.Reward == nil:
			return nil, invalid(x.op, "trajectory %d: got neither extra.desirable nor a reward, want one of them", a.traj+1)
		case !has:
			desirable = a.reward > 0
		}
		if desirable {
			flags[i] = 1
		}
	}
	return tensor.Where(tensor.From(flags, len(flags)), good, bad), nil
}

// each is a number of each answer.
func (x *answerTerms) each(f func(a *answer) (float64, error)) (*tensor.Tensor, error) {
	out := make([]float64, len(x.answers))
	for i, a := range x.answers {
		v, err := f(a)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return column(out), nil
}

// composedAnswers holds the form of every loss of answers: see answerSpecs.
var composedAnswers = map[string]answerForm{
	"kto": func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error) {
		k := num(max(0, c[keyKL]))
		if c[keyKL] < 0 && len(x.answers) > 0 {
			if len(x.mismatched) == 0 {
				return nil, noMismatched(x.op)
			}
			k = x.b.arrangeAnswers(x.mismatched).sums(0).x.Mean().ReLU().Detach()
		}
		z := x.x.Sub(k).Mul(num(c[keyBeta]))
		return x.judged(z.Neg().Sigmoid().Mul(num(c[keyDesirable])), z.Sigmoid().Mul(num(c[keyUndesirable])))
	},
	"apo_zero_unpaired": func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error) {
		z := x.x.Mul(num(c[keyBeta]))
		return x.judged(z.Neg().Sigmoid().Mul(num(c[keyDesirable])), z.Sigmoid().Mul(num(c[keyUndesirable])))
	},
	"bco": func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error) {
		z := x.x.Mul(num(c[keyBeta]))
		if c[keyUpdate] != 0 {
			x.running.Add(doubles(z)...)
		}
		z = z.Sub(num(x.running.Mean))
		return x.judged(nls(z), nls(z.Neg()))
	},
	"nash_md": func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error) {
		p, err := x.each(func(a *answer) (float64, error) { return a.win(x.op) })
		if err != nil {
			return nil, err
		}
		l, d := x.arranged.l, x.arranged.d.Detach() // both times the mask, which is wanted once
		weighted := tensor.Where(x.arranged.mask, l.Mul(d).Div(x.arranged.mask), zero).SegmentSum(x.arranged.offsets)
		return weighted.Mul(num(c[keyBeta])).Sub(p.Sub(num(0.5)).Mul(x.l)), nil
	},
	"a2po": func(x *answerTerms, c map[string]float64) (*tensor.Tensor, error) {
		if x.b.Reward == nil && len(x.answers) > 0 {
			return nil, invalid(x.op, "reward: got 0 values for %d datums", x.b.Len())
		}
		gain, err := x.each(func(a *answer) (float64, error) {
			v, err := a.optimum(x.op)
			return a.reward - v, err
		})
		if err != nil {
			return nil, err
		}
		return x.x.Mul(num(c[keyBeta2])).Sub(gain).Square(), nil
	},
}

// win is how likely the answer is preferred.
func (x *answer) win(op string) (float64, error) {
	p, has, err := x.number(op, extraWin)
	switch {
	case err != nil:
		return 0, err
	case !has:
		return 0, invalid(op, "trajectory %d: extra.p_win: got none, want how likely the answer is preferred, from 0 to 1", x.traj+1)
	case !(p >= 0 && p <= 1):
		return 0, invalid(op, "trajectory %d: extra.p_win: got %v, want how likely the answer is preferred, from 0 to 1", x.traj+1, p)
	}
	return p, nil
}

// optimum is the optimal value of the answer's prompt.
func (x *answer) optimum(op string) (float64, error) {
	v, has, err := x.number(op, extraValue)
	if err == nil && !has {
		err = &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("trajectory %d: extra.v_star: got none, want the prompt's optimal value", x.traj+1),
			Hint: "advantages.optimal_value makes it of rewards of the reference's answers"}
	}
	return v, err
}

func noMismatched(op string) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "got no answers with extra.mismatched, want some to estimate the divergence from",
		Hint: "add each prompt with the answer to another one, with extra = {mismatched = 1}; or set kl, 0 for none"}
}

// Detached reports whether the loss holds something that depends on ℓ
// constant: kto its divergence, bco its mean, nash_md the log-ratio.
func (t *AnswerLoss) Detached() bool {
	return t.name == "nash_md" || t.config[keyKL] < 0 || t.config[keyUpdate] != 0
}
