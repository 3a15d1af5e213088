package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/repl"
	"github.com/hudrl/hudrl/stdlib"
)

func (a *app) replCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repl [FILE] [args]",
		Short: "try things out, line by line",
		Long: `Reads Lua, line by line: an expression prints its value, a statement runs, an
unfinished one goes on in the next line. hud, tensor and loss are there. With
FILE that script runs first and leaves its globals. Ctrl-C stops the command
that runs and keeps the session; :help NAME explains, Ctrl-D leaves.`,
		Example: `  hudrl repl
  hudrl repl scripts/simple_train.lua --steps 1`,
	}
	var f scriptFlags
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	f.register(cmd)
	f.recordFlags.register(cmd)
	cmd.ValidArgsFunction = completeScript
	cmd.RunE = func(_ *cobra.Command, args []string) error { return a.repl(&f, args) }
	return cmd
}

func (a *app) repl(f *scriptFlags, args []string) error {
	var name, source, dir string
	if len(args) > 0 {
		if args[0] == "-" {
			return usagef("repl: got - for FILE, want a file: standard input is what the session reads")
		}
		var err error
		if name, source, dir, err = a.readScript(args[0]); err != nil {
			return err
		}
	} else {
		args = []string{"repl"}
	}
	svc, err := f.open(a)
	if err != nil {
		return err
	}
	return errors.Join(func() error {
		config := a.host(f, svc, dir, args)
		rt, err := runtime.New(config)
		if err != nil {
			return err
		}
		err = a.converse(rt, config, svc, name, source)
		if errors.Is(err, repl.ErrAborted) {
			// The command did not heed Ctrl-C: closing would wait for it.
			a.Abort(exitInterrupt)
			return errInterrupted
		}
		return errors.Join(err, rt.Close())
	}(), svc.Close())
}

// converse runs FILE, if there is one, and then the session.
func (a *app) converse(rt *runtime.Runtime, config runtime.Config, svc *lazyService, name, source string) error {
	if name != "" {
		chunk, err := config.Limits.Compile(name, source)
		if err != nil {
			return err
		}
		if _, err := rt.Run(a.ctx, chunk, values(config.Args)...); err != nil {
			return err
		}
	}
	o := repl.Options{
		Terminal: repl.NewLines(a.Stdin),
		Out:      config.Stdout,
		Err:      config.Stderr,
		Require:  []string{"hud", "hud.tensor", "hud.loss"},
		Help:     describe,
	}
	if a.Terminal != nil {
		terminal, err := a.Terminal()
		if err != nil {
			return err
		}
		defer terminal.Close()
		o.Terminal = terminal
		// A session without history is better than none.
		if svc.dir != "" {
			o.History, _ = repl.OpenHistory(filepath.Join(svc.dir, "history.jsonl"))
		}
		interrupts := make(chan os.Signal, 1)
		o.Interrupts = interrupts
		a.session.Store(&interrupts)
		defer a.session.Store(nil)
	}
	return repl.Run(a.ctx, rt, o)
}

// describe is what the stubs say about a name.
func describe(name string) (string, bool) {
	var texts []string
	for _, e := range stdlib.Lookup(name) {
		texts = append(texts, e.String()+members(e))
	}
	return strings.Join(texts, "\n\n"), len(texts) > 0
}

// members lists what a module or a class has, in lines of a screen's width.
func members(e stdlib.Entry) string {
	names := stdlib.Members(e.Name)
	if e.Function || len(names) == 0 {
		return ""
	}
	const width = 78
	text, line := "\n", ""
	for _, name := range names {
		if len(line)+len(name) > width-2 {
			text, line = text+"\n"+line, ""
		}
		line += "  " + name
	}
	return text + "\n" + line
}
