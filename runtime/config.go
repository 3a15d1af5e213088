package runtime

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// NoLimit lifts a limit of [Limits].
const NoLimit = -1

// Config says what a Runtime may do. It is copied and checked once by [New];
// its zero value is the sandbox: no modules, no files, no output, default
// limits, seed 0.
type Config struct {
	Modules []Module // what require finds before any file
	Library fs.FS    // Lua source of the reserved names: hud/x.lua is "hud.x"
	Roots   []fs.FS  // where require looks for a script's own files, in order

	Capabilities Capabilities
	Limits       Limits

	Stdout io.Writer    // where print writes; nil discards
	Stderr io.Writer    // where warnings and progress go; nil discards
	Logger *slog.Logger // nil discards

	// Between is called where a script is between two steps of training. An
	// error stops the call as Runtime.Interrupt does; nothing is left half done
	// there, so it is the place to put new code in, or to end early.
	Between func() error

	// Version is what arg.version begins at, where a host replaces scripts by
	// itself; 0 is 1.
	Version int

	Seed int64    // the root of every random stream
	Args []string // the global arg: Args[0] is arg[0], the script
}

// Capabilities are what a script may touch outside its VM. The zero value
// grants nothing.
type Capabilities struct {
	ReadRoots  []string                         // directories whose files may be read
	WriteRoots []string                         // directories in which files may be written
	Hosts      []string                         // network addresses, "host:port"
	Env        []string                         // names of environment variables
	Getenv     func(name string) (string, bool) // reads one of Env; nil: os.LookupEnv
	Secrets    []string                         // files that are never read, wherever they are: those with keys; a file called .env never is
	Clock      bool                             // whether os.time and os.date show the real date; else both start at the Unix epoch
}

// Limits bound what one call may use. Zero means the default, [NoLimit] lifts
// the limit. Budgets are per call of Run, Call or Eval.
type Limits struct {
	Steps       int64         // VM instructions of all tasks together; default none
	WallTime    time.Duration // default none: the context governs
	CallDepth   int           // frames of one thread; default 2,000, at most 4,000
	Coroutines  int           // live coroutines; default 4,096
	Tasks       int           // unfinished tasks; default 10,000
	StringBytes int           // one string; default 16 MiB
	TableSize   int           // array part of one table; default 16,777,216
	TensorBytes int64         // tensor storage, counted by the tensor module; default 1 GiB
	HeapBytes   int64         // the process's Go heap, watched every 10 ms; default 2 GiB
	SourceBytes int           // one source text; default 1 MiB
}

// A Module is a built-in that require finds. The value is made once and may
// hold what VMs share; Open runs once per VM, inside New.
type Module struct {
	Name string // "hud", "hud.tensor"; the prefix hud is reserved for the built-in list
	Open func(vm *VM) (lua.LValue, error)

	// Needs is set on a module that exists only with a capability: it names
	// what would grant it, or "" where c does.
	Needs func(c Capabilities) string
}

const (
	defaultCallDepth   = 2_000
	maxCallDepth       = 4_000
	defaultCoroutines  = 4_096
	defaultTasks       = 10_000
	defaultStringBytes = 16 << 20
	defaultTableSize   = 1 << 24
	defaultTensorBytes = 1 << 30
	defaultHeapBytes   = 2 << 30
	defaultSourceBytes = 1 << 20
)

// resolve checks c and fills in its defaults.
func (c Config) resolve() (Config, error) {
	seen := map[string]bool{}
	for i, m := range c.Modules {
		switch {
		case m.Name == "":
			return c, fmt.Errorf("runtime: module %d has no name", i+1)
		case m.Open == nil:
			return c, fmt.Errorf("runtime: module %q has no Open function", m.Name)
		case seen[m.Name]:
			return c, fmt.Errorf("runtime: module %q is given twice", m.Name)
		}
		seen[m.Name] = true
	}
	l := &c.Limits
	if err := resolveLimit("CallDepth", &l.CallDepth, defaultCallDepth); err != nil {
		return c, err
	}
	if l.CallDepth > maxCallDepth {
		if c.Limits.CallDepth != math.MaxInt {
			return c, fmt.Errorf("runtime: Limits.CallDepth: got %d, want at most %d", l.CallDepth, maxCallDepth)
		}
		l.CallDepth = maxCallDepth
	}
	for _, f := range []struct {
		name string
		v    *int
		def  int
	}{
		{"Coroutines", &l.Coroutines, defaultCoroutines},
		{"Tasks", &l.Tasks, defaultTasks},
		{"StringBytes", &l.StringBytes, defaultStringBytes},
		{"TableSize", &l.TableSize, defaultTableSize},
		{"SourceBytes", &l.SourceBytes, defaultSourceBytes},
	} {
		if err := resolveLimit(f.name, f.v, f.def); err != nil {
			return c, err
		}
	}
	for _, f := range []struct {
		name string
		v    *int64
		def  int64
	}{
		{"Steps", &l.Steps, math.MaxInt64},
		{"WallTime", (*int64)(&l.WallTime), math.MaxInt64},
		{"TensorBytes", &l.TensorBytes, defaultTensorBytes},
		{"HeapBytes", &l.HeapBytes, defaultHeapBytes},
	} {
		if err := resolveLimit(f.name, f.v, f.def); err != nil {
			return c, err
		}
	}
	if c.Capabilities.Getenv == nil {
		c.Capabilities.Getenv = os.LookupEnv
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Version < 0 {
		return c, fmt.Errorf("runtime: Version: got %d, want at least 0", c.Version)
	}
	for i, root := range c.Roots {
		if root == nil {
			return c, fmt.Errorf("runtime: Roots: number %d is nil, want an fs.FS", i+1)
		}
	}
	if err := c.Capabilities.check(); err != nil {
		return c, err
	}
	c.Capabilities = c.Capabilities.clone()
	c.Modules = slices.Clone(c.Modules)
	c.Roots = slices.Clone(c.Roots)
	c.Args = slices.Clone(c.Args)
	return c, nil
}

// check refuses what grants something else than it seems to: a variable that
// was meant to name a directory and is empty would grant the working directory.
func (c Capabilities) check() error {
	for _, f := range []struct {
		name   string
		values []string
		bad    func(string) bool
		want   string
	}{
		{"ReadRoots", c.ReadRoots, empty, "a directory"},
		{"WriteRoots", c.WriteRoots, empty, "a directory"},
		{"Secrets", c.Secrets, empty, "a file"},
		{"Hosts", c.Hosts, notHostPort, `"host:port"`},
		{"Env", c.Env, func(s string) bool { return s == "" || strings.ContainsAny(s, "=\x00") }, "the name of a variable"},
	} {
		for _, v := range f.values {
			if f.bad(v) {
				return fmt.Errorf("runtime: Capabilities.%s: got %q, want %s", f.name, v, f.want)
			}
		}
	}
	return nil
}

func empty(s string) bool { return s == "" }

func notHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err != nil || host == "" || port == "" || strings.Contains(host, "/")
}

func (c Capabilities) clone() Capabilities {
	c.ReadRoots = slices.Clone(c.ReadRoots)
	c.WriteRoots = slices.Clone(c.WriteRoots)
	c.Hosts = slices.Clone(c.Hosts)
	c.Env = slices.Clone(c.Env)
	c.Secrets = slices.Clone(c.Secrets)
	return c
}

func resolveLimit[T int | int64](name string, v *T, def T) error {
	most := T(math.MaxInt64)
	switch {
	case *v == 0:
		*v = def
	case *v == NoLimit:
		*v = most
	case *v < 0:
		return fmt.Errorf("runtime: Limits.%s: got %d, want a positive number, 0 (the default) or NoLimit", name, *v)
	}
	return nil
}

// reserved reports whether a module name belongs to the built-in list.
func reserved(name string) bool {
	return name == "hud" || strings.HasPrefix(name, "hud.")
}
