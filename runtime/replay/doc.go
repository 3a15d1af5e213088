// Package replay writes down what is asked of a training service and what it
// answers, and answers from such a recording, offline.
//
//	rec, err := replay.Record(svc, file, replay.Options{About: replay.About{Service: "local"}})
//	…                       // rec is a hud.Service: run whatever should be recorded
//	err = rec.Close()       // svc and file stay open
//
//	player, err := replay.Open(file, replay.PlayOptions{})
//	…                       // player is a hud.Service: run it again
//	err = player.Close()    // a *Divergence if something else was asked
//
// Both also are everything else that a service may be: a hud.TokenizerSource,
// hud.StateKeeper, hud.Tracer, hud.SampleRecorder and hud.Relocator. What the
// recorded service could not do is recorded as such.
//
// # What is compared
//
// A replay gives an answer only to a request that is the recorded one to the
// last digit: tokens, rewards, weights, seeds. The first that is not, and
// every one after it, fails; the [Divergence] names both sides. The calls that
// change a model, which are forward_backward, backward, optim_step, set_head
// and fork, must come in the recorded order. Between two of them everything
// else may come in any order, since rollouts run at once, but all of it must
// come. Where a recording saw sampling while a model trained (its lines say
// overlaps), nobody can tell what is in order: there only the calls on one
// model that change it must be.
//
// The clock is not part of it. Neither are the ids of traces, jobs and groups,
// which are made anew at every run: a trace is named after its chats. The
// state that is kept with a step is recorded and not compared.
//
// # The file
//
// JSON lines: one that says what it is, one for each exchange, one that ends
// it. Calls that may come in any order are held until the next that may not,
// and are then sorted: two recordings of the same run have the same lines in
// the same order, whatever ended first, but for the ids and times that the
// service made. A line is written at once and whole, so that a run that was
// killed leaves all but what came after its last training call.
//
// No key is written: the service's never comes here, and one that a script gives
// is left out, as is the password of an address. Prompts and answers are there
// in full.
package replay
