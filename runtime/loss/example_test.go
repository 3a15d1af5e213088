package loss_test

import (
	"fmt"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A loss of one's own, which forgets the mask.
func ExampleCheck() {
	report := loss.Check(func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
		d := b.Logprobs.Sub(b.SamplingLogprobs)
		return d.Square().Sum(), nil, nil
	}, loss.CheckOptions{Name: "mine"})
	fmt.Println(report.Verdict())
	for _, p := range report.Properties {
		if p.Name == "masked tokens" {
			fmt.Println(p.Advice)
		}
	}
	// Output:
	// mine failed: masked tokens, masked NaN
	// multiply by the mask, or select with tensor.where(mask, x, 0), before adding up
}

// The tokens of two losses, weighed and added up as one.
func ExampleTokenLoss_Tokens() {
	p := &hud.Packed{Offsets: []int{0, 3}, Logprobs: []float32{-1, -2, -3}, SamplingLogprobs: []float32{-1, -2, -3}, RefLogprobs: []float32{-1, -1, -3},
		Mask: []float32{1, 1, 0}, Reward: []float64{1}, Advantage: []float64{1}, TrajIdx: []int{0}, GroupIdx: []int{0}}
	b, err := loss.NewBatch(nil, p, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, _ := loss.New("ppo", nil)
	drift, _ := loss.New("kl.k2", nil)
	one, err := policy.Tokens(b, loss.Settings{})
	if err != nil {
		fmt.Println(err)
		return
	}
	two, err := drift.Tokens(b, loss.Settings{})
	if err != nil {
		fmt.Println(err)
		return
	}
	total, err := b.Aggregate(one.Add(two.Mul(tensor.Scalar(0.5))), loss.Settings{Aggregate: loss.TokenMean})
	if err != nil {
		fmt.Println(err)
		return
	}
	// −1 and −1 + 0.5·½·1² over two tokens.
	fmt.Println(total.Item())
	// Output: -0.875 <nil>
}
