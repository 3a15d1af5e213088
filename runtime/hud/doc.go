// Package hud is HUD's training protocol as Go types, and the client that
// scripts and programs train through.
//
// Three parties meet here:
//
//   - A Service trains and samples models: the embedded one of runtime/local,
//     or a Remote, HUD's or any other behind the same HTTP API. Optional
//     interfaces say what else it can do: TokenizerSource, StateKeeper, Tracer,
//     Relocator.
//   - A TrainingClient wraps a Service and one model, with every method,
//     default, check and warning of HUD's Python client.
//   - A batch is a list of Items: TraceIDs, *TrajectoryPayloads and *Runs, as
//     rollouts make them.
//
// The usual loop:
//
//	trainer := hud.NewTrainingClient(svc, "arith-rl", hud.TrainingClientOptions{})
//	res, err := trainer.Step(ctx, hud.Items(runs), hud.StepOptions{
//		LearningRate:           5e-4,
//		ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(8)},
//	})
//
// Over HTTP the service is
//
//	settings, err := hud.LoadSettings() // HUD_API_KEY and the rest, as HUD's client finds them
//	svc, err := hud.Dial(hud.Config{Settings: settings})
//
// and everything else stays the same; runtime/serve is the other end.
//
// A training call is sent once. When nobody knows what became of it, after a
// timeout or a cut connection, the model's next calls fail with CodeConflict
// until TrainingClient.Recover has found out from the head and the checkpoints.
// With a Journal (package journal) that also holds for a crash of the program:
// the next process opens the file, recovers, and goes on after the last step
// that was applied.
//
// A loss of one's own is a plain function over a Packed batch, flat slices
// with offsets (TrainingClient.ForwardBackwardCustom); package loss makes one
// out of tensors.
//
// Logprobs are natural logarithms. Token ids, TrajIdx and GroupIdx are the
// protocol's numbers, from 0; positions in error messages count from 1. Every
// failure is an *Error with a Code; nothing in it ever holds a key.
package hud
