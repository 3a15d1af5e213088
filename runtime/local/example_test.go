package local_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
)

// A model of one's own shape, with random weights, and one step of supervised
// fine-tuning.
func Example() {
	dir, err := os.MkdirTemp("", "hudrl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	svc, err := local.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close()
	ctx := context.Background()
	model, err := svc.Create(ctx, local.CreateOptions{Name: "tiny", Seed: 1, Config: &local.ModelConfig{
		Vocab: 264, Dim: 16, Layers: 2, Heads: 2, KVHeads: 1, FFN: 24, MaxContext: 64, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
	}})
	if err != nil {
		log.Fatal(err)
	}
	tok, err := svc.Tokenizer(ctx, model.ModelName)
	if err != nil {
		log.Fatal(err)
	}
	lesson, err := hud.SFT(tok, []hud.Message{{Role: "user", Content: "hi"}, {Role: "assistant", Content: "hello"}})
	if err != nil {
		log.Fatal(err)
	}
	trainer := hud.NewTrainingClient(svc, model.ModelName, hud.TrainingClientOptions{})
	res, err := trainer.Step(ctx, []hud.Item{lesson}, hud.StepOptions{
		LearningRate:           1e-3,
		ForwardBackwardOptions: hud.ForwardBackwardOptions{LossFn: hud.LossCrossEntropy},
	})
	if err != nil {
		log.Fatal(err)
	}
	tree, err := trainer.Checkpoints(ctx)
	fmt.Println(res.Step, len(tree), err)
	// Output: 1 1 <nil>
}
