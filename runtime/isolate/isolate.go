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
// are bounded on Unix systems; elsewhere only the context bounds a child.
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
	Memory int64         // bytes of data it may allocate, with some 64 MiB of its own; 0: no limit
	CPU    time.Duration // processor time, rounded up to seconds; 0: no limit
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
	Reason string // "memory limit", "CPU limit", "killed", "crashed"
	Detail string // what the process said last, or its state
}

func (e *Ended) Error() string {
	if e.Detail == "" {
		return "isolate: the script's process ended: " + e.Reason
	}
	return "isolate: the script's process ended: " + e.Reason + ": " + e.Detail
}

// ErrorCode is "limit" where a limit ended the child.
func (e *Ended) ErrorCode() string {
	if strings.HasSuffix(e.Reason, "limit") {
		return runtime.CodeLimit
	}
	return runtime.CodeError
}

// A message goes from a child to its parent, one a line.
type message struct {
	Out    string   `json:"out,omitempty"`
	Err    string   `json:"err,omitempty"`
	Done   bool     `json:"done,omitempty"`
	Values []any    `json:"values,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

// failure is a *runtime.Error on the wire.
type failure struct {
	Message, Source, Text, Hint, Code, Traceback string
	Line                                         int
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
	m := message{Done: true, Values: values}
	if err != nil {
		m = message{Done: true, Error: &failure{Message: err.Error()}}
		var e *runtime.Error
		if errors.As(err, &e) {
			m.Error = &failure{e.Message, e.Source, e.Text, e.Hint, e.Code, e.Traceback, e.Line}
		}
	}
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
	cfg.Stdout = writer(func(text string) { send(message{Out: text}) })
	cfg.Stderr = writer(func(text string) { send(message{Err: text}) })
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

type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
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
	err = Exec(cmd, o.Limits)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case r.err != nil:
		return nil, r.err
	case r.last == nil && err == nil:
		return nil, &Ended{"crashed", "it gave no answer: does main call isolate.Main?"}
	case r.last == nil:
		return nil, err
	case r.last.Error != nil:
		f := r.last.Error
		return nil, &runtime.Error{Message: f.Message, Source: f.Source, Line: f.Line, Text: f.Text, Hint: f.Hint, Code: f.Code, Traceback: f.Traceback, Err: errors.New(f.Message)}
	}
	return r.last.Values, nil
}

// A reader takes a child's messages, none of which it trusts.
type reader struct {
	o    Options
	most int
	rest []byte
	last *message
	err  error
}

func (r *reader) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, after, whole := bytes.Cut(p, []byte{'\n'})
		r.rest = append(r.rest, line...)
		if len(r.rest) > r.most {
			r.err = &Ended{"result limit", fmt.Sprintf("more than %d bytes", r.most)}
			return 0, r.err
		}
		if !whole {
			break
		}
		if err := r.message(r.rest); err != nil {
			r.err = err
			return 0, err
		}
		r.rest, p = r.rest[:0], after
	}
	return n, nil
}

func (r *reader) message(line []byte) error {
	var m message
	if err := json.Unmarshal(line, &m); err != nil || r.last != nil {
		return &Ended{"crashed", "what it sent is no answer"}
	}
	show := func(w io.Writer, text string) {
		if w != nil && text != "" {
			io.WriteString(w, text)
		}
	}
	show(r.o.Stdout, m.Out)
	show(r.o.Stderr, m.Err)
	if m.Done {
		r.last = &m
	}
	return nil
}

// limitsName is the variable that tells a child its limits.
const limitsName = "HUDRL_ISOLATED"

// Enter reports whether this process is a child of Exec and, in one, takes on
// its limits. A program with a protocol of its own calls it in place of Main,
// before anything else.
func Enter() bool {
	text, child := os.LookupEnv(limitsName)
	if !child {
		return false
	}
	os.Unsetenv(limitsName)
	var l Limits
	if _, err := fmt.Sscanf(text, "%d %d", &l.Memory, &l.CPU); err != nil {
		fmt.Fprintln(os.Stderr, "fatal error: isolate: "+limitsName+": "+err.Error())
		os.Exit(2)
	}
	if err := l.apply(); err != nil {
		fmt.Fprintln(os.Stderr, "fatal error: isolate: the limits cannot be set: "+err.Error())
		os.Exit(2)
	}
	return true
}

// Exec runs cmd, a program whose main calls Main or Enter, to its end under
// limits. The error is an *Ended where the process was ended, else what
// cmd.Run gives. What it says on standard error goes to cmd.Stderr.
func Exec(cmd *exec.Cmd, l Limits) error {
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%d %d", limitsName, l.Memory, l.CPU), "GOTRACEBACK=none")
	errs := &filter{w: cmd.Stderr}
	cmd.Stderr = errs
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second // pipes that a grandchild holds
	}
	bind(cmd)
	err := cmd.Run()
	if failed := errs.pass(); err == nil {
		err = failed
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := errs.said
	switch {
	case overCPU(exit.ProcessState, l):
		return &Ended{"CPU limit", fmt.Sprintf("used %v of %v", (exit.UserTime() + exit.SystemTime()).Round(time.Millisecond), l.CPU)}
	case l.Memory > 0 && starved(said):
		return &Ended{"memory limit", fmt.Sprintf("%d bytes", l.Memory)}
	case said != "":
		return &Ended{"crashed", said}
	case !exit.Exited():
		return &Ended{"killed", exit.String()}
	}
	return err
}

// starved reports whether the Go runtime gave up for want of memory. Where its
// collector finds none for itself, it reads address 0; where a thread finds no
// stack, it is not made.
func starved(said string) bool {
	for _, why := range []string{"out of memory", "cannot allocate memory", "SIGSEGV: ", "newosproc", "failed to create new OS thread", "pthread_create failed"} {
		if strings.Contains(said, why) {
			return true
		}
	}
	return false
}

// A filter passes on what a process writes, line by line, up to where the Go
// runtime says why it gives up: what follows is a dump of its goroutines.
type filter struct {
	w    io.Writer
	line []byte // the last, not yet whole
	said string // why it gave up
}

// maxLine is where a line is passed on in parts.
const maxLine = 4096

func (f *filter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && f.said == "" {
		end := bytes.IndexByte(p, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(p)
		}
		f.line, p = append(f.line, p[:end]...), p[end:]
		if whole || len(f.line) > maxLine {
			if err := f.pass(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// pass hands on the line.
func (f *filter) pass() error {
	for _, mark := range []string{"fatal error: ", "panic: ", "SIGSEGV: ", "SIGBUS: ", "runtime: ", "runtime/cgo: "} {
		if said, ok := bytes.CutPrefix(f.line, []byte(mark)); ok {
			if strings.HasPrefix(mark, "SIG") || strings.HasPrefix(mark, "runtime") {
				said = f.line // the mark says something
			}
			f.said = strings.TrimSpace(string(said))
			return nil
		}
	}
	var err error
	if f.w != nil {
		_, err = f.w.Write(f.line)
	}
	f.line = f.line[:0]
	return err
}
