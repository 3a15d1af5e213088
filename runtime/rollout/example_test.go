package rollout_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/rollout"
)

// One step of a training loop: roll out, drop what failed, train.
func Example() {
	ctx := context.Background()
	svc := hudtest.NewFake()
	agent := &rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 8}
	tasks := &rollout.Taskset{Name: "sevens", Tasks: []rollout.Task{{
		Prompt: []hud.Message{{Role: "user", Content: "Say seven."}},
		Grade: func(_ context.Context, answer string, _ *hud.Run) (float64, any, error) {
			return float64(strings.Count(answer, "7")), nil, nil
		},
	}}}
	job, err := tasks.Run(ctx, svc, agent, rollout.Options{Group: new(8), Seed: new(uint64(1))})
	if err != nil {
		fmt.Println(err)
		return
	}
	runs, err := job.Trainable()
	if err != nil {
		fmt.Println(err)
		return
	}
	trainer := hud.NewTrainingClient(svc, hudtest.FakeModel, hud.TrainingClientOptions{})
	res, err := trainer.Step(ctx, hud.Items(runs), hud.StepOptions{
		LearningRate:           0.01,
		ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(8)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(runs), "runs made step", res.Step)
	// Output: 8 runs made step 1
}
