package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/bindings/env"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/isolate"
	"github.com/hudrl/hudrl/runtime/serve"
)

// isolateFlags put a script into a process of its own.
type isolateFlags struct {
	isolate bool
	cpu     deadline
}

func (f *isolateFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.isolate, "isolate", false, "run the script in a process of its own, which --max-memory and --max-cpu bound")
	flags.Var(&f.cpu, "max-cpu", "with --isolate, most processor `TIME` (default none)")
}

// parentName tells an isolated child where its parent's service is, and the key
// that is good for this run alone.
const parentName = "HUDRL_PARENT"

// A parent is where an isolated script finds its service.
type parent struct{ url, key string }

// enterIsolated makes this process a child, if it was started as one.
func enterIsolated() *parent {
	if !isolate.Enter() {
		return nil
	}
	p := &parent{}
	_, err := fmt.Sscan(os.Getenv(parentName), &p.url, &p.key)
	os.Unsetenv(parentName)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fatal error: "+parentName+": "+err.Error())
		os.Exit(exitUsage)
	}
	return p
}

// settings reach the parent, and nothing else.
func (p *parent) settings() hud.Settings {
	return hud.Settings{APIKey: hud.Secret(p.key), APIURL: p.url, RLURL: p.url, GatewayURL: p.url}
}

// defaultMemory is what an isolated script may use where no flag says it.
const defaultMemory = 2 << 30

// runIsolated runs this command again in a child, which has the service from
// here and so needs no key of the user's.
func (a *app) runIsolated(f *scriptFlags, script string) error {
	svc, err := f.serviceFlags.open(a) // the child records, or replays
	if err != nil {
		return err
	}
	return errors.Join(a.inChild(f, svc, script), svc.Close())
}

func (a *app) inChild(f *scriptFlags, svc hud.Service, script string) error {
	ln, err := new(net.ListenConfig).Listen(a.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return &serveError{err}
	}
	key := rand.Text()
	ctx, stop := context.WithCancel(context.WithoutCancel(a.ctx))
	served := make(chan error, 1)
	go func() {
		served <- serve.Run(ctx, ln, svc, serve.Options{APIKey: hud.Secret(key), Logger: slog.New(slog.DiscardHandler)})
	}()
	defer func() { stop(); <-served }()

	cmd := exec.CommandContext(a.ctx, a.Self[0], slices.Concat(a.Self[1:], a.Args)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = a.Dir, a.Stdout, a.Stderr
	if file, ok := a.Stdout.(*sink); ok {
		cmd.Stdout = file.w
	}
	cmd.Env = []string{fmt.Sprintf("%s=http://%s %s", parentName, ln.Addr(), key)}
	for _, name := range append([]string{"HOME", "HUDRL_HOME", "HUDRL_KERNEL", "XDG_DATA_HOME", "LOCALAPPDATA", "SYSTEMROOT", "TERM", "NO_COLOR", "TMPDIR"}, slices.DeleteFunc(slices.Clone(f.envs), env.Key)...) {
		if value, ok := a.Getenv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if script == "-" {
		text, err := a.readText("standard input", time.Duration(f.timeout), a.readStdin)
		if err != nil {
			return failed("stdin", err)
		}
		cmd.Stdin = bytes.NewReader(text)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	memory := int64(f.memory)
	if memory == 0 {
		memory = defaultMemory
	}
	limits := isolate.Limits{Memory: max(memory, 0), CPU: time.Duration(f.cpu)}
	if f.timeout > 0 {
		limits.Wall = time.Duration(f.timeout) + stuckAfter + 8*time.Second // the child keeps the deadline itself, if it can
	}
	err = isolate.Exec(a.ctx, cmd, limits)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &runtime.ExitError{Code: exit.ExitCode()} // it has said why
	}
	if cause := context.Cause(a.ctx); cause != nil && err != nil {
		return cause
	}
	var ended *isolate.Ended
	if errors.As(err, &ended) && ended.Reason == "memory limit" {
		return &isolatedError{ended, "raise it with --max-memory"}
	} else if errors.As(err, &ended) && ended.Reason == "CPU limit" {
		return &isolatedError{ended, "raise it with --max-cpu"}
	} else if errors.As(err, &ended) && ended.Reason == "time limit" {
		return &isolatedError{ended, "it did not stop by itself at the deadline of --timeout"}
	}
	return err
}

type isolatedError struct {
	*isolate.Ended
	hint string
}

func (e *isolatedError) Unwrap() error     { return e.Ended }
func (e *isolatedError) ErrorHint() string { return e.hint }
