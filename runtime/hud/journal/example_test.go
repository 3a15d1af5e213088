package journal_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// A loop that goes on where it was, however the process before it ended.
func ExampleOpen() {
	ctx := context.Background()
	svc := hudtest.NewFake()
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	batch := []hud.Item{&hud.TrajectoryPayload{Reward: 1, Samples: []hud.TrajectorySample{{PromptTokenIDs: []int{1}, OutputTokenIDs: []int{2}}}}}

	process := func(steps int) error {
		j, err := journal.Open(filepath.Join(dir, journal.FileName), journal.Run{Seed: 1})
		if err != nil {
			return err
		}
		defer j.Close(false)
		trainer := hud.NewTrainingClient(svc, hudtest.FakeModel, hud.TrainingClientOptions{Journal: j})
		if j.Continued() {
			if _, err := trainer.Recover(ctx, hud.RecoverOptions{Discard: true}); err != nil {
				return err
			}
		}
		after, err := j.After(1, steps, false)
		if err != nil {
			return err
		}
		for step := after + 1; step <= steps; step++ {
			j.Enter(journal.Place{Loop: 1, Step: step, Of: steps})
			pass := hud.ForwardBackwardOptions{LossFn: hud.LossCrossEntropy}
			res, err := trainer.Step(ctx, batch, hud.StepOptions{ForwardBackwardOptions: pass, LearningRate: 0.1})
			if err != nil {
				return err
			}
			fmt.Println("step", step, "of the loop is step", res.Step, "of the model")
		}
		return nil
	}
	for _, steps := range []int{2, 4} {
		if err := process(steps); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// step 1 of the loop is step 1 of the model
	// step 2 of the loop is step 2 of the model
	// step 3 of the loop is step 3 of the model
	// step 4 of the loop is step 4 of the model
}
