package loss

import "slices"

// An Aggregation says how token losses become one number. Every denominator
// is at least 1, so an empty batch gives 0.
type Aggregation string

// The aggregations. T_i is the number of loss tokens of datum i, B the number
// of datums, P the number of groups.
const (
	Sum                 Aggregation = "sum"                     // Σ
	TokenMean           Aggregation = "token_mean"              // Σ / Σ T
	SeqMeanTokenMean    Aggregation = "seq_mean_token_mean"     // Σ_i (Σ_t / T_i) / B
	SeqMeanTokenSum     Aggregation = "seq_mean_token_sum"      // Σ / B
	SeqMeanTokenSumNorm Aggregation = "seq_mean_token_sum_norm" // Σ / (B·max length)
	PromptMean          Aggregation = "prompt_mean"             // mean over groups of the token mean within the group
	TokenMeanLegacy     Aggregation = "token_mean_legacy"       // Σ / Σ T / the number of chunks: the mean of the chunks' means
)

var aggregations = []string{string(Sum), string(TokenMean), string(SeqMeanTokenMean), string(SeqMeanTokenSum), string(SeqMeanTokenSumNorm), string(PromptMean), string(TokenMeanLegacy)}

// Aggregations lists the names.
func Aggregations() []string { return slices.Clone(aggregations) }

// counts reports whether the factors depend on the numbers of tokens.
func (a Aggregation) counts() bool {
	switch a {
	case Sum, SeqMeanTokenSum, SeqMeanTokenSumNorm:
		return false
	}
	return true
}

// Scales is the factor of each datum's token losses. tokens is T; groups, for
// prompt_mean, the datums' groups (nil: one); maxLength, for
// seq_mean_token_sum_norm, the longest answer possible. A denominator above 0
// takes the place of the batch's own (of B in the seq_ ones, of Σ T in
// token_mean, of P in prompt_mean), so that chunks of a batch add up to the
// whole. In token_mean_legacy it is the number of chunks, and short chunks
// weigh as much as long ones: it is there to repeat old runs.
func (a Aggregation) Scales(tokens, groups []int, maxLength, denominator float64) ([]float64, error) {
	if denominator < 0 {
		return nil, invalid("aggregate", "got denominator %v, want above 0", denominator)
	}
	whole := func(n int) float64 { return orCount(denominator, n) }
	total := 0
	for _, n := range tokens {
		total += n
	}
	scales := make([]float64, len(tokens))
	each := func(f func(i int) float64) {
		for i := range scales {
			scales[i] = f(i)
		}
	}
	switch a {
	case Sum, "":
		if denominator > 0 {
			return nil, invalid("aggregate", "sum takes no denominator")
		}
		each(func(int) float64 { return 1 })
	case TokenMean:
		each(func(int) float64 { return 1 / whole(total) })
	case SeqMeanTokenMean:
		each(func(i int) float64 { return 1 / (whole(len(tokens)) * max(1, float64(tokens[i]))) })
	case SeqMeanTokenSum:
		each(func(int) float64 { return 1 / whole(len(tokens)) })
	case SeqMeanTokenSumNorm:
		if !(maxLength > 0) {
			return nil, invalid("aggregate", "seq_mean_token_sum_norm: max_length: got %v, want above 0", maxLength)
		}
		each(func(int) float64 { return 1 / (whole(len(tokens)) * maxLength) })
	case PromptMean:
		within := map[int]int{}
		for i, n := range tokens {
			within[at(groups, i)] += n
		}
		each(func(i int) float64 { return 1 / (whole(len(within)) * max(1, float64(within[at(groups, i)]))) })
	case TokenMeanLegacy:
		each(func(int) float64 { return 1 / (whole(1) * max(1, float64(total))) })
	default:
		return nil, unknown("aggregate", "aggregation", string(a), aggregations)
	}
	return scales, nil
}

// orCount is the denominator given, or else n.
func orCount(denominator float64, n int) float64 {
	if denominator > 0 {
		return denominator
	}
	return max(1, float64(n))
}

// at is x[i], 0 for nil.
func at(x []int, i int) int {
	if x == nil {
		return 0
	}
	return x[i]
}
