package loss_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
)

// TestTable has a row for everything that can be called by name, and something
// to call for every row.
func TestTable(t *testing.T) {
	t.Parallel()
	names := map[loss.Kind][]string{}
	for _, r := range loss.Table() {
		if slices.Contains(names[r.Kind], r.Name) {
			t.Errorf("%s %s: there twice", r.Kind, r.Name)
		}
		names[r.Kind] = append(names[r.Kind], r.Name)
		if r.Formula == "" || r.Source == "" || r.Section == "" || !strings.Contains(r.Call(), r.Name) {
			t.Errorf("%+v: want section, formula, source and a call", r)
		}
	}
	for kind, known := range map[loss.Kind][]string{
		loss.KindAdvantage: loss.Estimators(), loss.KindTokens: loss.Names(), loss.KindPairs: loss.PairNames(), loss.KindAnswers: loss.AnswerNames(),
		loss.KindCorrection: append(loss.Corrections(), "rejection"), loss.KindAggregation: loss.Aggregations(),
	} {
		for _, name := range known {
			if !slices.Contains(names[kind], name) {
				t.Errorf("%s %s: has no row", kind, name)
			}
		}
		if kind == loss.KindAdvantage {
			continue // some are functions of their own
		}
		for _, name := range names[kind] {
			if !slices.Contains(known, name) {
				t.Errorf("%s %s: has a row and does not exist", kind, name)
			}
		}
	}
	r, ok := loss.Find("grpo", loss.KindTokens)
	if want := "beta 0, clip_high_threshold 1.2, clip_low_threshold 0.8, aggregate seq_mean_token_mean"; !ok || r.Section != "B8" || r.Default != want {
		t.Errorf("got %+v, want B8 with %s", r, want)
	}
	if r, ok := loss.Find("seq_mask_tis"); !ok || r.Default != "correction_high 1.002, correction_low 0.999" || r.Call() != `correction = "seq_mask_tis"` {
		t.Errorf("got %+v, %s", r, r.Call())
	}
	if !loss.NeedsDistribution("gkd_jsd") || loss.NeedsDistribution("value_mse") || loss.NeedsDistribution("ppo") || loss.Needs("value_mse") == "" || loss.Needs("dpo") != "" {
		t.Error("want gkd_jsd to need distributions, value_mse values, dpo and ppo nothing")
	}
}
