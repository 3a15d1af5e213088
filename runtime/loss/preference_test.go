package loss_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// goldenDatum is one datum of golden_preference.json.
type goldenDatum struct {
	Logprobs, Reference, Mask []float32
	Traj                      int
	Reward                    float64
	Extra                     map[string]any
}

// packed is a batch of answers without groups.
func packed(datums []goldenDatum) *hud.Packed {
	p := &hud.Packed{Offsets: []int{0}}
	for _, d := range datums {
		p.Logprobs = append(p.Logprobs, d.Logprobs...)
		p.RefLogprobs = append(p.RefLogprobs, d.Reference...)
		p.Mask = append(p.Mask, d.Mask...)
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.TrajIdx = append(p.TrajIdx, d.Traj)
		p.Reward = append(p.Reward, d.Reward)
		p.Extra = append(p.Extra, d.Extra)
	}
	p.SamplingLogprobs = make([]float32, len(p.Logprobs))
	return p
}

// TestPreferenceGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_preference.py, rounded to float32.
func TestPreferenceGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_preference.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Loss          string
			Config        map[string]float64
			Datums        []goldenDatum
			Value         float64
			Gradient      []float64
			Before, After *loss.Running
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Loss]++
		f, err := loss.NewBatchLoss(c.Loss, c.Config)
		if err != nil {
			t.Fatal(err)
		}
		a, answers := f.(*loss.AnswerLoss)
		if c.Before != nil {
			if err := a.SetState(*c.Before); err != nil {
				t.Fatal(err)
			}
		}
		b, err := loss.NewBatch(nil, packed(c.Datums), true)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := f.Loss(b, loss.Settings{})
		if err != nil {
			t.Fatalf("case %d, %s: %v", i, c.Loss, err)
		}
		value, err := got.Item()
		if err != nil || math.Abs(value-c.Value) > 6e-8*math.Max(1, math.Abs(c.Value)) {
			t.Errorf("case %d, %s%v: got loss %v, %v, want %v", i, c.Loss, c.Config, value, err, c.Value)
		}
		if err := got.Backward(); err != nil {
			t.Fatal(err)
		}
		for k, want := range c.Gradient {
			// 1e-14 is left to cancelling terms.
			if g := float64(b.Logprobs.Grad().Data()[k]); math.Abs(g-want) > 6e-8*math.Abs(want)+1e-14 {
				t.Errorf("case %d, %s%v: gradient %d: got %v, want %v", i, c.Loss, c.Config, k, g, want)
			}
		}
		if answers && c.After != nil {
			if s := a.State(); math.Abs(s.Mean-c.After.Mean) > 1e-12*math.Max(1, math.Abs(s.Mean)) || s.Count != c.After.Count {
				t.Errorf("case %d, %s: got state %v, want %v", i, c.Loss, s, *c.After)
			}
		}
	}
	for _, name := range slices.Concat(loss.AnswerNames(), []string{"aot", "aot_unpaired", "dpo_forward_kl", "dpo_js", "dpo_alpha", "tpo", "tpo_l", "xpo"}) {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// two is an answer of two positions.
func two(traj int, l, ref float32, reward float64, extra map[string]any) goldenDatum {
	return goldenDatum{Logprobs: []float32{l, float32(math.NaN())}, Reference: []float32{ref, float32(math.Inf(1))}, Mask: []float32{1, 0}, Traj: traj, Reward: reward, Extra: extra}
}

type extra = map[string]any

// TestPreferenceExtremes has masked NaN and infinities in every datum and
// logprobs far apart: value and gradient are finite, and 0 where masked.
func TestPreferenceExtremes(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(loss.PairNames(), loss.AnswerNames()) {
		for _, d := range []float32{1e3, -1e3, 1e5, 0} {
			p := packed([]goldenDatum{
				two(0, min(0, d), d, 1, extra{"pair": 1.0, "chosen": true, "from_reference": true, "p_win": 1.0, "v_star": 0.0}),
				two(1, min(0, -d), -d/2, 0, extra{"pair": 1.0, "p_win": 0.0, "v_star": 1e3}),
			})
			if name == "tpo" || name == "tpo_l" || name == "kto" {
				g := two(2, -1e3, 0, 0, extra{"pair": 1.0, "gold": true, "mismatched": true})
				p = packed(append([]goldenDatum{
					two(0, min(0, d), d, 1, extra{"pair": 1.0, "chosen": true}), two(1, min(0, -d), -d/2, 0, extra{"pair": 1.0})}, g))
			}
			f, err := loss.AsCustom(name, nil, loss.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			weights := make([]float32, len(p.Logprobs))
			got, err := f(p, weights)
			if err != nil || math.IsNaN(got.Loss) || math.IsInf(got.Loss, 0) {
				t.Errorf("%s, %v apart: got %v, %v, want a finite number", name, d, got.Loss, err)
			}
			for i, w := range weights {
				if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) || p.Mask[i] == 0 && w != 0 {
					t.Errorf("%s, %v apart: weight %d: got %v", name, d, i, w)
				}
			}
		}
	}
}

func TestPairing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		datums []goldenDatum
		want   string
	}{
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0}), two(1, 0, 0, 0, nil)}, `dpo: trajectory 2: extra.pair: got none, want one as others have`},
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": "a"}), two(1, 0, 0, 0, extra{"pair": "b"})}, `dpo: pair "a": got 1 trajectories, want 2: a pair`},
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0, "chosen": 1.0}), two(1, 0, 0, 0, extra{"pair": 1.0, "chosen": 1.0})}, `dpo: pair 1: got two with extra.chosen true, want one`},
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0, "chosen": 0.0}), two(1, 0, 0, 0, extra{"pair": 1.0})}, `dpo: pair 1: got none with extra.chosen true, want one`},
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": []any{}})}, `dpo: trajectory 1: extra.pair: got [], want a number or a string`},
		{"dpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0, "chosen": "yes"}), two(1, 0, 0, 0, extra{"pair": 1.0})}, `dpo: trajectory 1: extra.chosen: got yes, want a number`},
		{"tpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0}), two(1, 0, 0, 0, extra{"pair": 1.0})}, `tpo: pair 1: got no answer with extra.gold, want 1`},
		{"tpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0, "gold": true}), two(1, 0, 0, 0, extra{"pair": 1.0, "gold": true})}, `tpo: pair 1: got two answers with extra.gold, want 1`},
		{"xpo", []goldenDatum{two(0, 0, 0, 1, extra{"pair": 1.0}), two(1, 0, 0, 0, extra{"pair": 1.0})}, `xpo: pair 1: want extra.from_reference true for one of the two: the answer the reference gave`},
		{"kto", []goldenDatum{two(0, 0, 0, 1, nil)}, `kto: got no answers with extra.mismatched, want some to estimate the divergence from`},
		{"nash_md", []goldenDatum{two(0, 0, 0, 1, nil)}, `nash_md: trajectory 1: extra.p_win: got none, want how likely the answer is preferred, from 0 to 1`},
		{"nash_md", []goldenDatum{two(0, 0, 0, 1, extra{"p_win": 2.0})}, `nash_md: trajectory 1: extra.p_win: got 2, want how likely the answer is preferred, from 0 to 1`},
		{"a2po", []goldenDatum{two(0, 0, 0, 1, nil)}, `a2po: trajectory 1: extra.v_star: got none, want the prompt's optimal value`},
	} {
		f, err := loss.AsCustom(c.name, nil, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		p := packed(c.datums)
		_, err = f(p, make([]float32, len(p.Logprobs)))
		refused(t, err, c.want)
	}
	// Interleaved pairs, told apart by their names; equal rewards are a tie, and
	// no answers at all are a loss of 0.
	f, err := loss.AsCustom("dpo", nil, loss.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	p := packed([]goldenDatum{two(0, -1, 0, 1, extra{"pair": "a"}), two(1, 0, 0, 0, extra{"pair": "b"}), two(2, 0, 0, 0, extra{"pair": "b"}), two(3, 0, -1, 0, extra{"pair": "a"})})
	got, err := f(p, make([]float32, 8))
	// Δ = −1 − 1.
	if want := math.Log1p(math.Exp(0.2)); err != nil || math.Abs(got.Loss-want) > 1e-7 || got.Metrics["ties"] != 1 || got.Metrics["pairs"] != 1 {
		t.Errorf("got %v, %v, want %v and one tie", got, err, want)
	}
	for _, name := range loss.AnswerNames() {
		f, err := loss.AsCustom(name, nil, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		empty := packed(nil)
		empty.RefLogprobs = []float32{}
		empty.Mask, empty.Logprobs = []float32{}, []float32{}
		if got, err := f(empty, nil); err != nil || got.Loss != 0 {
			t.Errorf("%s of nothing: got %v, %v, want 0", name, got.Loss, err)
		}
	}
}

func TestAnswersRefuse(t *testing.T) {
	t.Parallel()
	type config = map[string]float64
	for _, c := range []struct {
		name   string
		config config
		set    loss.Settings
		want   string
	}{
		{"kto", config{"beta": 0}, loss.Settings{}, `kto: beta: got 0, want above 0`},
		{"kto", config{"desirable_weight": -1}, loss.Settings{}, `kto: desirable_weight: got -1, want at least 0`},
		{"kto", nil, loss.Settings{Aggregate: loss.Sum}, `kto: got settings of a token loss, want at most a denominator: it is averaged over answers`},
		{"a2po", config{"beta2": -1}, loss.Settings{}, `a2po: beta2: got -1, want above 0`},
		{"tpo", config{"label_smoothing": 0.5}, loss.Settings{}, `tpo: label_smoothing: got 0.5, want at least 0 and below 0.5`},
		{"kl.exact", nil, loss.Settings{}, `kl.exact: needs the logits of every token of the vocabulary, which the forward pass of a service does not return`},
		{"value_mse", nil, loss.Settings{}, `value_mse: needs the predictions of a value model, which the forward pass of a service does not return`},
		{"bt_rm", nil, loss.Settings{}, `bt_rm: needs the scores of a reward model, which the forward pass of a service does not return`},
	} {
		_, err := loss.AsCustom(c.name, c.config, c.set)
		refused(t, err, c.want)
	}
	f, err := loss.NewAnswers("bco", nil)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, f.SetState(loss.Running{Mean: math.NaN(), Count: 1}), `bco: state: got mean NaN of 1 numbers, want finite ones`)
}
