package cli

import (
	"bytes"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/bindings/metrics"
	"github.com/hudrl/hudrl/runtime"
)

func (a *app) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run FILE [args]",
		Short: "run a script",
		Long: `Runs a Lua script: a file, - for standard input, or the text after -e.
What follows FILE belongs to the script, which sees it in arg and hud.args.
A script may require the Lua files beside it, read files under the working
directory, use the training service, and see its arguments. The --allow flags
let it reach further.

Training calls are written to a journal, runs/SCRIPT-TIME/steps.jsonl in the
data directory, before they are sent and when they are answered. After a crash,
a cut connection or Ctrl-C the same command with --resume goes on: what was in
doubt is settled with the service, hud.steps starts after the last step that
was applied, and hud.state, random streams and forks are as they were. A run
without --resume begins a journal of its own and leaves the others alone.

With --watch a new version of the script takes over before the next step of
hud.steps, as with --resume: steps go on counting, hud.state stays. A version that
does not compile is reported and not taken; one that fails waits for the next.

--isolate runs the script in a process of its own, for code nobody has read: the
operating system bounds its memory and time, it has no key, and this program
outlives whatever it does. Its training service is this program's.`,
		Example: `  hudrl run scripts/quickstart.lua --steps 10
  hudrl run --seed 3 --timeout 5m train.lua
  hudrl run -e 'print(require "hud".now())'
  hudrl run scripts/quickstart.lua --help     the script's own flags`,
	}
	var f scriptFlags
	var code string
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.StringVarP(&code, "execute", "e", "", "run this `CODE`")
	f.register(cmd)
	f.recordFlags.register(cmd)
	f.isolateFlags.register(cmd)
	flags.BoolVar(&f.watch, "watch", false, "when the script changes, go on with the new version before the next step")
	flags.StringVar(&f.profile, "profile", "", "write what the script's time is spent on to `FILE`, for go tool pprof; it takes a few percent longer")
	f.journalFlags.register(cmd)
	cmd.ValidArgsFunction = completeScript
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !flags.Changed("execute") {
			return &usageError{"hudrl run: missing FILE", "a script's name, - for standard input, or -e CODE"}
		}
		return nil
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case f.isolate && a.Parent == nil:
			script := ""
			if len(args) > 0 && !flags.Changed("execute") {
				script = args[0]
			}
			return a.runIsolated(&f, script)
		case f.cpu > 0 && a.Parent == nil:
			return &usageError{"hudrl run: --max-cpu bounds a process of its own", "add --isolate"}
		}
		f.seedGiven = flags.Changed("seed")
		if flags.Changed("execute") {
			return a.runScript(&f, "(command line)", code, "", append([]string{"-e"}, args...))
		}
		name, source, dir, err := a.readScriptWithin(time.Duration(f.timeout), args[0])
		if err != nil {
			return err
		}
		if f.watch {
			if f.record != "" || f.replay != "" {
				return &usageError{"hudrl run: --watch and --record or --replay: want one of them", "a recording is of one version"}
			}
			if args[0] == "-" {
				return &usageError{"hudrl run: --watch: standard input does not change", "name a file"}
			}
			return a.runWatched(&f, name, source, dir, args)
		}
		return a.runScript(&f, name, source, dir, args)
	}
	return cmd
}

// host is the configuration of a VM for a script that lives in dir ("" for
// the working directory).
func (a *app) host(f *scriptFlags, svc *lazyService, dir string, args []string) runtime.Config {
	config := bindings.Journaled(svc.forScripts(), f.journal)
	if f.metrics != "" {
		bindings.Metrics(&config, metrics.Options{Dir: f.metricsDir(a, args[0]), Journal: f.journal})
	}
	f.apply(a, &config)
	svc.say = func(line string) { config.Logger.Info(line) }
	if dir == "" {
		dir = a.Dir
	}
	config.Roots = append(config.Roots, a.DirFS(dir))
	config.Args = args
	config.Between, config.Version = f.between, f.version
	return config
}

func (a *app) runScript(f *scriptFlags, name, source, dir string, args []string) error {
	chunk, err := f.limits().Compile(name, source)
	if err != nil {
		return err
	}
	f.script, f.source = name, hash(source)
	if f.journal, err = f.openJournal(a, name, source, args); err != nil {
		return err
	}
	return a.unstuck(time.Duration(f.timeout), func() error {
		err := a.runJournaled(f, chunk, dir, args)
		return errors.Join(err, f.journal.Close(err == nil))
	})
}

func (a *app) runJournaled(f *scriptFlags, chunk *runtime.Chunk, dir string, args []string) error {
	svc, err := f.open(a)
	if err != nil {
		return err
	}
	return errors.Join(func() error {
		rt, err := runtime.New(a.host(f, svc, dir, args))
		if err != nil {
			return err
		}
		profiled, err := a.profile(f, rt)
		if err != nil {
			return errors.Join(err, rt.Close())
		}
		_, err = rt.Run(a.ctx, chunk, values(args)...)
		return errors.Join(err, profiled(), rt.Close())
	}(), svc.Close())
}

// profile samples what rt does, if a flag asks for it, until what it returns is
// called, which writes the file.
func (a *app) profile(f *scriptFlags, rt *runtime.Runtime) (done func() error, err error) {
	if f.profile == "" {
		return func() error { return nil }, nil
	}
	var text bytes.Buffer
	stop, err := rt.Profile(&text)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := stop(); err != nil {
			return err
		}
		return failed("--profile", a.WriteFile(a.path(f.profile), text.Bytes()))
	}, nil
}

// values are a script's arguments, as its "..." has them.
func values(args []string) []any {
	out := make([]any, len(args)-1)
	for i, arg := range args[1:] {
		out[i] = arg
	}
	return out
}
