package cli

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
)

// A byteSize is a flag such as 512MiB.
type byteSize int64

var units = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
	{"B", 1}, {"", 1},
}

func (b *byteSize) Set(text string) error {
	if text == "none" {
		*b = runtime.NoLimit
		return nil
	}
	for _, u := range units {
		number, ok := cutSuffixFold(strings.TrimSpace(text), u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v > 0) || v*u.factor >= math.MaxInt64 || v*u.factor < 1 {
			break
		}
		*b = byteSize(v * u.factor)
		return nil
	}
	return fmt.Errorf("got %q, want a size such as 512MiB, or none", text)
}

func cutSuffixFold(s, suffix string) (string, bool) {
	cut := len(s) - len(suffix)
	if cut < 0 || !strings.EqualFold(s[cut:], suffix) {
		return s, false
	}
	return s[:cut], true
}

func (b *byteSize) Type() string { return "SIZE" }

func (b *byteSize) String() string {
	switch v := int64(*b); {
	case v == 0:
		return ""
	case v == runtime.NoLimit:
		return "none"
	case v%(1<<30) == 0:
		return fmt.Sprintf("%dGiB", v>>30)
	case v%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", v>>20)
	case v%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", v>>10)
	default:
		return fmt.Sprintf("%dB", v)
	}
}

// A positive is a whole-number flag above 0.
type positive int64

func (p *positive) Set(text string) error {
	v, err := strconv.ParseInt(text, 10, 64)
	if f, ferr := strconv.ParseFloat(text, 64); err != nil && ferr == nil && f == math.Trunc(f) && f < 1<<53 {
		v, err = int64(f), nil // 1e6
	}
	if err != nil || v <= 0 {
		return fmt.Errorf("got %q, want a whole number above 0", text)
	}
	*p = positive(v)
	return nil
}

func (p *positive) Type() string { return "N" }

func (p *positive) String() string {
	if *p == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*p), 10)
}

// A deadline is a duration flag above 0.
type deadline time.Duration

func (d *deadline) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return fmt.Errorf("got %q, want a time such as 30s or 5m", text)
	}
	*d = deadline(v)
	return nil
}

func (d *deadline) Type() string { return "TIME" }

func (d *deadline) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// scriptFlags are what run and repl share.
type scriptFlags struct {
	serviceFlags
	recordFlags
	journalFlags
	isolateFlags
	seed                             int64
	timeout                          deadline
	steps                            positive
	memory, tensor, text, sourceSize byteSize
	depth, coroutines, tasks, table  positive
	readDirs, writeDirs, hosts, envs []string
	quiet, verbose                   bool
	metrics                          string
	profile                          string
	watch                            bool
	between                          func() error // of a watch
	version                          int          // of the script, in a watch
}

func (f *scriptFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.serviceFlags.register(cmd)
	flags.Int64Var(&f.seed, "seed", 0, "the `N` every random stream starts from")
	flags.Var(&f.timeout, "timeout", "stop the script after this `TIME`, 30s say (default none)")
	flags.Var(&f.steps, "max-steps", "stop after `N` VM instructions (default none)")
	flags.Var(&f.memory, "max-memory", "stop when the heap passes this `SIZE` (default 2GiB)")
	flags.Var(&f.tensor, "max-tensor", "largest `SIZE` of all tensors together (default 1GiB)")
	flags.Var(&f.sourceSize, "max-source", "largest `SIZE` of one source text (default 1MiB)")
	flags.Var(&f.depth, "max-depth", "most calls inside each other, `N` (default 2000, at most 4000)")
	flags.Var(&f.tasks, "max-tasks", "most unfinished tasks, `N` (default 10000)")
	flags.Var(&f.coroutines, "max-coroutines", "most live coroutines, `N` (default 4096)")
	flags.Var(&f.table, "max-table", "most elements of one table, `N` (default 16777216)")
	flags.Var(&f.text, "max-string", "largest `SIZE` of one string (default 16MiB)")
	flags.StringArrayVar(&f.readDirs, "allow-read", nil, "let hud.fs read files under `DIR` (the working directory always)")
	flags.StringArrayVar(&f.writeDirs, "allow-write", nil, "let hud.fs write files under `DIR`")
	flags.StringArrayVar(&f.hosts, "allow-net", nil, "let hud.http and TrainingClient reach `HOST:PORT`")
	flags.StringArrayVar(&f.envs, "allow-env", nil, "let hud.env read the environment variable `NAME`")
	flags.StringVar(&f.metrics, "metrics", "", "keep what hud.metrics logs under `DIR` (default: beside the run's journal)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no warnings, no progress")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say more on stderr")
}

// apply puts the flags into a host configuration.
func (f *scriptFlags) apply(a *app, c *runtime.Config) {
	c.Seed = f.seed
	c.Limits = f.limits()
	c.Capabilities.Clock = true
	c.Capabilities.ReadRoots = []string{a.Dir}
	for _, dir := range f.readDirs {
		c.Capabilities.ReadRoots = append(c.Capabilities.ReadRoots, a.path(dir))
	}
	for _, dir := range f.writeDirs {
		c.Capabilities.WriteRoots = append(c.Capabilities.WriteRoots, a.path(dir))
	}
	c.Capabilities.Hosts = f.hosts
	c.Capabilities.Env = f.envs
	c.Capabilities.Getenv = a.Getenv
	c.Capabilities.Secrets = a.environment().Files()
	c.Stdout, c.Stderr = a.outputs()
	c.Logger = slog.New(&logHandler{w: c.Stderr, level: f.level(), color: a.StderrColor, mu: new(sync.Mutex)})
}

// limits are the flags as a host has them.
func (f *scriptFlags) limits() runtime.Limits {
	return runtime.Limits{
		Steps: int64(f.steps), WallTime: time.Duration(f.timeout), CallDepth: int(f.depth),
		Coroutines: int(f.coroutines), Tasks: int(f.tasks), StringBytes: int(f.text), TableSize: int(f.table),
		TensorBytes: int64(f.tensor), HeapBytes: int64(f.memory), SourceBytes: int(f.sourceSize),
	}
}

func (f *scriptFlags) level() slog.Level {
	switch {
	case f.quiet:
		return slog.LevelError
	case f.verbose:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
