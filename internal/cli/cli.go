// Package cli is the hudrl command line.
//
//	state.go    what a command touches of the outside world
//	cli.go      the root command, cancellation, exit codes
//	limits.go   the flags that run and repl share
//	flags.go    kinds of flags, and what is wrong with one
//	complete.go what the shell completes
//	service.go  the training service, opened when first needed
//	choose.go   which one that is
//	record.go   its recording, or the recording in its place
//	run.go repl.go chat.go check.go test.go models.go manage.go serve.go loss.go doc.go version.go
//
// Run is the whole program as a function of a State, so tests run it in
// process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime"
)

// An app is one run of the program.
type app struct {
	State
	ctx     context.Context
	cancel  context.CancelCauseFunc
	session atomic.Pointer[chan os.Signal] // where a REPL wants Ctrl-C, or nil
	started bool                           // flags and arguments were good: errors from here on are not usage errors
}

// Run runs the command line of s and returns its exit code. Every error is
// reported on s.Stderr.
func Run(ctx context.Context, s State) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &sink{w: s.Stdout}
	s.Stdout = out
	a := &app{State: s, ctx: ctx, cancel: cancel}
	defer a.watchInterrupts()()
	root := a.rootCommand()
	root.SetArgs(s.Args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		if err = failed("standard output", out.failure()); err == nil {
			return exitOK
		}
	case !a.started && !errors.As(err, new(*usageError)):
		err = &usageError{message: err.Error(), hint: "see hudrl --help"}
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) && !errors.Is(err, cause) {
		// A service says "context canceled"; a person pressed Ctrl-C.
		err = cause
	}
	err = told(err)
	report(s.Stderr, plot.Style{On: s.StderrColor}, err)
	return exitCode(err)
}

// A sink remembers that a write failed, for those who cannot: what was asked
// for and not delivered is no success.
type sink struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var path *fs.PathError
	if errors.As(s.err, &path) {
		return path.Err // it is called /dev/stdout whatever it is
	}
	return s.err
}

// watchInterrupts cancels the command at the first Ctrl-C and aborts at the
// second, until the returned function is called. A REPL at a terminal takes
// Ctrl-C for itself.
func (a *app) watchInterrupts() (stop func()) {
	done := make(chan struct{})
	go func() {
		for cancelled := false; ; {
			var s os.Signal
			select {
			case s = <-a.Interrupts:
			case <-done:
				return
			}
			if session := a.session.Load(); session != nil && s == os.Interrupt {
				select {
				case *session <- s:
				default: // one is waiting already
				}
				continue
			}
			if cancelled {
				a.Abort(exitInterrupt)
				return
			}
			cancelled = true
			a.cancel(errInterrupted)
		}
	}()
	return func() { close(done) }
}

const welcome = `hudrl trains language models from rewards with short Lua scripts.

Everything runs here and offline: a small real language model, its trainer and
its sampler are inside this program.`

const examples = `  hudrl run scripts/quickstart.lua        train a model to add, in about a minute
  hudrl chat hudrl/mini "What is 3 + 4?"  talk to a model
  hudrl repl                              try things out
  hudrl models list                       what there is to train`

// keepOrder lists commands as they are added, the most used first. Cobra has
// one switch for the whole process.
var keepOrder = sync.OnceFunc(func() { cobra.EnableCommandSorting = false })

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "hudrl",
		Short:         "train language models from rewards with short Lua scripts",
		Long:          welcome,
		Example:       examples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.subcommand,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	keepOrder()
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "work", Title: "Work:"},
		&cobra.Group{ID: "more", Title: "More:"},
	)
	for _, cmd := range []*cobra.Command{a.runCommand(), a.replCommand(), a.chatCommand(), a.checkCommand(), a.testCommand(), a.modelsCommand(), a.serveCommand(), a.lossCommand(), a.reportCommand(), a.initCommand()} {
		cmd.GroupID = "work"
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{a.docCommand(), a.versionCommand()} {
		cmd.GroupID = "more"
		root.AddCommand(cmd)
	}
	root.SetHelpCommand(a.helpCommand(root))
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
	root.InitDefaultCompletionCmd("completion") // cobra's own, with our words in the list
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Short = "make the shell complete hudrl's commands"
		for _, shell := range completion.Commands() {
			shell.Short = "for " + shell.Name()
		}
	}
	return root
}

// helpCommand is cobra's, which answers a name it does not know with success.
func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "say more about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return a.subcommand(root, args)
			}
			if len(rest) > 0 {
				return a.subcommand(cmd, rest)
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if cmd, _, err := root.Find(args); err == nil {
				for _, sub := range cmd.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// subcommand refuses words that are no subcommand of cmd.
func (a *app) subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	hint := "see " + cmd.CommandPath() + " --help"
	if near := runtime.Nearest(args[0], names); near != "" {
		hint = "did you mean " + cmd.CommandPath() + " " + near + "?"
	}
	return &usageError{fmt.Sprintf("unknown command %q", args[0]), hint}
}

// exactArgs is cobra's with our words: it names what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		hint := "see " + cmd.CommandPath() + " --help"
		if len(args) < len(names) {
			return &usageError{fmt.Sprintf("%s: missing %s", cmd.CommandPath(), strings.Join(names[len(args):], " and ")), hint}
		}
		return &usageError{fmt.Sprintf("%s: unexpected argument %q", cmd.CommandPath(), args[len(names)]), hint}
	}
}

// usageTemplate is cobra's, shorter: one blank line between parts, the
// examples first because they are what people read.
const usageTemplate = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}Usage:{{if and .Runnable (not .HasAvailableSubCommands)}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND [flags]

{{range $group := .Groups}}{{.Title}}{{range $.Commands}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}

{{end}}{{if not .Groups}}Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}

{{end}}{{.CommandPath}} COMMAND --help says more about each.{{end}}{{if and .HasAvailableLocalFlags (not .HasAvailableSubCommands)}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
