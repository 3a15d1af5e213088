package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/serve"
)

const (
	defaultAddr = "127.0.0.1:8700"
	keyVariable = "HUDRL_SERVE_KEY"
)

// serveFlags are where to serve, and for whom.
type serveFlags struct {
	addr, keyFile string
	quiet         bool
}

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "let other programs train and sample over HTTP",
		Long: `Serves the training service over HTTP: HUD's protocol, so that hudrl run
--service and HUD's Python client train here, and OpenAI's under /v1, so that
any OpenAI client chats. / is a dashboard for a browser, whose password is the
key; /healthz says that it runs, /metrics is for Prometheus.

Only this machine is served unless there is a key, which clients show as
"Authorization: Bearer KEY": in ` + keyVariable + `, or in a file. Ctrl-C or
SIGTERM stops it once it has answered what was begun, training included; a
second Ctrl-C stops it at once.`,
		Example: `  hudrl serve
  hudrl serve --addr 0.0.0.0:8700 --key-file serve.key
  hudrl run --service http://127.0.0.1:8700 train.lua   elsewhere`,
		Args: exactArgs(),
	}
	var f serveFlags
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.addr, "addr", "", "listen at `HOST:PORT`; port 0 takes a free one [HUDRL_ADDR] (default "+defaultAddr+")")
	flags.StringVar(&f.keyFile, "key-file", "", "the key is in `FILE`, on a line of its own ["+keyVariable+" is the key itself]")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no line for each request")
	return a.withService(cmd, func(svc *lazyService, _ []string) error { return a.serve(&f, svc) })
}

func (a *app) serve(f *serveFlags, lazy *lazyService) error {
	key, show, err := a.serveKey(f.keyFile)
	if err != nil {
		return err
	}
	addr := f.addr
	if addr == "" {
		addr, _ = a.Getenv("HUDRL_ADDR")
	}
	if addr == "" {
		addr = defaultAddr
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return &usageError{fmt.Sprintf("hudrl serve: --addr: got %q, want HOST:PORT such as %s", addr, defaultAddr), ""}
	}
	svc, err := lazy.get()
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(a.ctx, "tcp", addr)
	if err != nil {
		return &serveError{err}
	}
	level := slog.LevelInfo
	if f.quiet {
		level = slog.LevelWarn
	}
	logger := slog.New(&logHandler{w: a.Stderr, level: level, color: a.StderrColor, mu: new(sync.Mutex)})
	ready := announced{Listener: ln, tell: sync.OnceFunc(func() { a.announce(ln.Addr(), lazy.where, show) })}
	err = serve.Run(a.ctx, ready, svc, serve.Options{APIKey: key, Logger: logger})
	if errors.Is(err, serve.ErrNoKey) {
		return &usageError{fmt.Sprintf("hudrl serve: other machines reach %s: it needs a key", addr), "set " + keyVariable + ", or name a file with --key-file"}
	}
	if err == nil && context.Cause(a.ctx) != nil && !f.quiet {
		fmt.Fprintln(a.Stderr, "stopped")
	}
	return err
}

// An announced listener says so when it is first listened to.
type announced struct {
	net.Listener
	tell func()
}

func (l announced) Accept() (net.Conn, error) {
	l.tell()
	return l.Listener.Accept()
}

// announce says how to use the service at address.
func (a *app) announce(address net.Addr, where, key string) {
	before := ""
	if key != "" {
		before = "HUD_API_KEY=" + key + " "
	}
	url, others := "http://"+address.String(), ""
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		url, others = fmt.Sprintf("http://127.0.0.1:%d", tcp.Port), " and this machine's other addresses"
	}
	fmt.Fprintf(a.Stdout, `serving at %[1]s%[5]s (%[2]s)
  dashboard       %[1]s/
  scripts         %[4]shudrl run --service %[1]s script.lua
  OpenAI clients  export OPENAI_BASE_URL=%[1]s/v1 OPENAI_API_KEY=%[3]s
  HUD's client    export HUD_API_URL=%[1]s HUD_RL_URL=%[1]s HUD_GATEWAY_URL=%[1]s HUD_TELEMETRY_URL=%[1]s HUD_API_KEY=%[3]s
`, url, where, cmp.Or(key, "none"), before, others)
}

// serveKey is the key that clients must show, "" for none, and how a shell
// says it without showing it.
func (a *app) serveKey(file string) (key hud.Secret, show string, err error) {
	text, from := "", ""
	if file != "" {
		raw, err := a.ReadFile(a.path(file))
		if err != nil {
			var failure *fs.PathError
			if errors.As(err, &failure) {
				err = failure.Err // the path is not what was typed
			}
			return "", "", usagef("hudrl serve: --key-file: cannot read %s: %v", file, err)
		}
		text, from, show = strings.TrimRight(string(raw), "\r\n"), "--key-file: "+file, "$(cat '"+strings.ReplaceAll(a.path(file), "'", `'\''`)+"')"
	} else if value, ok := a.Getenv(keyVariable); ok {
		text, from, show = value, keyVariable, `"$`+keyVariable+`"`
	} else {
		return "", "", nil
	}
	if text == "" {
		return "", "", usagef("hudrl serve: %s: got nothing, want a key", from)
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return "", "", usagef("hudrl serve: %s: the key has a character that no key has: want letters, digits and signs, on one line", from)
		}
	}
	return hud.Secret(text), show, nil
}

// A serveError is an address that cannot be listened at.
type serveError struct{ err error }

func (e *serveError) Error() string { return "serve: " + e.err.Error() }
func (e *serveError) Unwrap() error { return e.err }
func (e *serveError) ErrorHint() string {
	return "another program may have it: --addr 127.0.0.1:0 takes a free port"
}
