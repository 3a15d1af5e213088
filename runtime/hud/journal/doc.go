// Package journal is the write-ahead record of a training run: what was sent
// to the service, and what became of it. With it a run whose program, machine
// or connection died goes on where it was, each step applied once.
//
// A Journal is a file of JSON lines, one process's at a time. A training call
// is written and synced before it is sent (Begin) and when its end is known
// (Call.Acknowledge, Fail, Lose). What was sent and has no end is in doubt,
// and so is what an ended process had accumulated and not stepped: Begin
// refuses the model's next call until the doubt is settled, which
// TrainingClient.Recover of package hud does.
//
//	j, err := journal.Open("run/steps.jsonl", journal.Run{Script: "train.lua"})
//	trainer := hud.NewTrainingClient(svc, "arith-rl", hud.TrainingClientOptions{Journal: j})
//	if j.Continued() {
//		r, err := trainer.Recover(ctx, hud.RecoverOptions{Discard: true})
//		// go on after the step j.Last() tells of
//	}
//
// Each line ends with a checksum. A last line without its end, as a crash
// leaves one, is dropped; anything else that cannot be read is refused.
// Nothing in a journal is a key: neither headers nor addresses are written,
// and of batches only their hash.
package journal
