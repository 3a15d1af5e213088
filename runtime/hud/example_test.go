package hud_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/rollout"
	"github.com/hudrl/hudrl/runtime/serve"
)

// service is the embedded service in a new directory.
func service() (svc *local.Service, done func()) {
	dir, err := os.MkdirTemp("", "hudrl")
	check(err)
	svc, err = local.Open(dir)
	check(err)
	return svc, func() {
		svc.Close()
		os.RemoveAll(dir)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A Go program that trains on rollouts of its own: it talks to the model, judges
// the answers, and reinforces the better ones of each group.
func ExampleTrainingClient() {
	svc, done := service()
	defer done()
	ctx := context.Background()
	model, err := hud.Fork(ctx, svc, "hudrl/nano", "sums")
	check(err)
	trainer := hud.NewTrainingClient(svc, model.ModelName, hud.TrainingClientOptions{})

	var batch []hud.Item
	for seed := range uint64(4) {
		session, err := rollout.NewSession(svc, &rollout.Agent{Model: model.ModelName, MaxTokens: 4, Seed: new(seed)})
		check(err)
		reply, err := session.Say(ctx, "What is 3 + 4?")
		check(err)
		batch = append(batch, &hud.TrajectoryPayload{
			Samples: session.Samples(), // tokens and logprobs, as they were sampled
			Reward:  float64(len(reply.Text)) + float64(seed),
		})
	}
	res, err := trainer.Step(ctx, batch, hud.StepOptions{
		LearningRate:           3e-4,
		ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(4)},
	})
	check(err)
	head, err := trainer.Head(ctx)
	check(err)
	fmt.Println("step", res.Step, "of", model.ModelName, head.ID == res.CheckpointID)
	// Output: step 1 of sums true
}

// A loss of one's own over flat slices: REINFORCE with the group's mean as its
// baseline. weights is −dC/dlogprob, the protocol's sign.
func ExampleTrainingClient_ForwardBackwardCustom() {
	svc, done := service()
	defer done()
	ctx := context.Background()
	model, err := hud.Fork(ctx, svc, "hudrl/nano", "by-hand")
	check(err)
	trainer := hud.NewTrainingClient(svc, model.ModelName, hud.TrainingClientOptions{})

	payload := func(reward float64, output ...int) hud.Item {
		return &hud.TrajectoryPayload{Reward: reward, Samples: []hud.TrajectorySample{{
			PromptTokenIDs: []int{72, 105}, OutputTokenIDs: output, OutputLogprobs: make([]float32, len(output)),
		}}}
	}
	reinforce := func(b *hud.Packed, weights []float32) (hud.CustomResult, error) {
		var r hud.CustomResult
		for d := range b.Len() {
			lo, hi := b.Range(d)
			for i := lo; i < hi; i++ {
				weights[i] = b.Mask[i] * float32(b.Advantage[d])
				r.Loss -= float64(weights[i] * b.Logprobs[i])
			}
		}
		r.Metrics = map[string]float64{"datums": float64(b.Len()), "tokens": float64(b.Tokens())}
		return r, nil
	}
	res, err := trainer.ForwardBackwardCustom(ctx, []hud.Item{payload(1, 55), payload(0, 56, 57)}, reinforce,
		hud.CustomOptions{GroupSize: new(2)})
	check(err)
	fmt.Println(res.NumDatums, res.Metrics["datums"], res.Metrics["tokens"])
	step, err := trainer.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-4})
	check(err)
	fmt.Println("step", step.Step)
	// Output:
	// 2 2 5
	// step 1
}

// The embedded service behind HTTP, and a client of it. Any service that speaks
// HUD's protocol is dialled alike.
func ExampleDial() {
	svc, done := service()
	defer done()
	server := httptest.NewServer(serve.Handler(svc, serve.Options{APIKey: "secret"})) // or serve.Run
	defer server.Close()

	settings := hud.Settings{APIKey: "secret", APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}
	remote, err := hud.Dial(hud.Config{Settings: settings})
	check(err)
	ctx := context.Background()
	model, err := hud.Fork(ctx, remote, "hudrl/nano", "over-http")
	check(err)
	fmt.Println(model.ModelName, settings.APIKey) // never shown

	settings.APIKey = "wrong"
	remote, err = hud.Dial(hud.Config{Settings: settings})
	check(err)
	_, err = remote.Models(ctx)
	var e *hud.Error
	fmt.Println(errors.As(err, &e), e.Code, e.Status)
	// Output:
	// over-http [secret]
	// true auth 401
}

// Where HUD's services are and whose key to show them, as HUD's Python client
// finds them: the environment, then .env, then ~/.hud/.env.
func ExampleLoadSettings() {
	settings, err := hud.LoadSettings(hud.Environment{ // none: the process's own
		Getenv: func(name string) (string, bool) {
			value, ok := map[string]string{"HUD_API_KEY": "sk-very-secret"}[name]
			return value, ok
		},
		ReadFile: func(name string) ([]byte, error) {
			if name == "project/.env" {
				return []byte("HUD_API_KEY=other\nHUD_RL_URL=http://127.0.0.1:8700\n"), nil
			}
			return nil, os.ErrNotExist
		},
		Dir: "project",
	})
	check(err)
	fmt.Println(settings.RLURL)
	fmt.Println(settings.APIKey, len(settings.APIKey))
	// Output:
	// http://127.0.0.1:8700
	// [secret] 14
}
