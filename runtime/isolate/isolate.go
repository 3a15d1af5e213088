// Package isolate runs scripts in a process of their own, for code that one
// does not trust at all: whatever it does to its process, also what no limit
// inside it can stop, this one lives on.
//
//	func main() {
//		isolate.Main(func() (runtime.Config, error) { return bindings.Default(svc), nil })
//		…
//		out, err := isolate.Run(ctx, isolate.Job{Name: "loss.lua", Source: src}, isolate.Options{
//			Limits: isolate.Limits{Memory: 256 << 20, CPU: 10 * time.Second},
//		})
//	}
//
// The child is this program again: Main runs the script there and does not
// return. It gets no environment but Options.Env, no open files, and limits
// that the operating system keeps. It is killed when the context ends and, on
// Linux, when this process dies. Values go both ways as JSON. Memory and CPU
// are bounded on Unix systems; elsewhere only its time bounds a child.
package isolate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// Limits are what the operating system lets a child use.
type Limits struct {
	Memory int64         // bytes of data it may allocate, plus half of it and 128 MiB of its own; 0: no limit. Give its Config the same HeapBytes, which then ends a script with a better error
	CPU    time.Duration // processor time, rounded up to seconds; 0: no limit
	Wall   time.Duration // time from its start, kept by this process, also when the child is stopped or hangs; 0: no limit
}

// A Job is a script for a child.
type Job struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Args   []any  `json:"args,omitempty"` // its "...": plain data
	Seed   int64  `json:"seed,omitempty"`
}

// Options are how a child runs.
type Options struct {
	Limits         Limits
	Env            []string  // "NAME=value"; the child sees nothing else of the environment
	Dir            string    // its working directory; "" is this process's
	Stdout, Stderr io.Writer // what the script prints; nil discards
	MaxResult      int       // bytes of JSON that come back; 0: 16 MiB
}

// An Ended error says that a child ended without an answer.
type Ended struct {
	Reason string // "memory limit", "CPU limit", "time limit", "result limit", "killed", "crashed"
	Detail string // what the process said last, or its state
}

func (e *Ended) Error() string {
	if e.Detail == "" {
		return "isolate: the script's process ended: " + e.Reason
	}
	return "isolate: the script's process ended: " + e.Reason + ": " + e.Detail
}

// Unwrap is context.DeadlineExceeded for the time limit.
func (e *Ended) Unwrap() error {
	if e.Reason == "time limit" {
		return context.DeadlineExceeded
	}
	return nil
}

// ErrorCode is "limit" where a limit ended the child.
func (e *Ended) ErrorCode() string {
	if strings.HasSuffix(e.Reason, "limit") {
		return runtime.CodeLimit
	}
	return runtime.CodeError
}

// Main runs the job of a child and exits; in any other process it returns at
// once. It must come before everything else in main. config makes the child's
// configuration; Stdout, Stderr and Seed of it are replaced.
func Main(config func() (runtime.Config, error)) {
	if !Enter() {
		return
	}
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	send := func(m message) {
		mu.Lock()
		defer mu.Unlock()
		line, err := json.Marshal(m)
		if err != nil {
			line, _ = json.Marshal(message{Done: true, Error: &failure{Message: "isolate: the results cannot be sent: " + err.Error()}})
		}
		out.Write(append(line, '\n'))
		out.Flush()
	}
	values, err := work(config, send)
	m := answer(values, err)
	send(m)
	os.Exit(0)
}

func work(config func() (runtime.Config, error), send func(message)) ([]any, error) {
	var job Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return nil, fmt.Errorf("isolate: the job cannot be read: %w", err)
	}
	cfg, err := config()
	if err != nil {
		return nil, err
	}
	cfg.Seed = job.Seed
	cfg.Stdout = writer(func(text []byte) { send(message{Out: text}) })
	cfg.Stderr = writer(func(text []byte) { send(message{Err: text}) })
	chunk, err := runtime.Compile(job.Name, job.Source)
	if err != nil {
		return nil, err
	}
	rt, err := runtime.New(cfg)
	if err != nil {
		return nil, err
	}
	out, err := rt.Run(context.Background(), chunk, job.Args...)
	return out, errors.Join(err, rt.Close())
}

// Run runs a job in a child of this program, whose main calls Main, and returns
// what the script returns. An error of the script is a *runtime.Error, as if it
// had run here; a child that ended without an answer is an *Ended.
func Run(ctx context.Context, job Job, o Options) ([]any, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("isolate: the job cannot be sent: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("isolate: %w", err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Stdin, cmd.Dir, cmd.Env = bytes.NewReader(text), o.Dir, o.Env
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	r := &reader{o: o, most: o.MaxResult}
	if r.most == 0 {
		r.most = 16 << 20
	}
	cmd.Stdout = r
	err = Exec(ctx, cmd, o.Limits)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case r.err != nil:
		return nil, r.err
	case r.last == nil && err == nil:
		return nil, &Ended{"crashed", "it gave no answer: does main call isolate.Main?"}
	case r.last == nil:
		return nil, err
	}
	return r.last.result()
}
