package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
)

// ErrNoKey is what Run returns for an address that other machines reach, when
// there is no key.
var ErrNoKey = errors.New("other machines reach this address: it needs a key")

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Run serves svc at ln until ctx ends. Then it accepts nothing more, answers
// what it has begun, training included, and returns nil; what takes longer than
// Options.Drain is cut off and an error. Without a key it serves only this
// machine: other addresses are refused with ErrNoKey, and so are requests
// whose Host is a name, which a page in a browser may have pointed here. ln is
// closed in any case; svc is not.
func Run(ctx context.Context, ln net.Listener, svc hud.Service, o Options) error {
	defer ln.Close()
	h := newHandler(svc, o)
	if o.APIKey == "" {
		if !onThisMachine(ln.Addr()) {
			return fmt.Errorf("run: %w: %v", ErrNoKey, ln.Addr())
		}
		h.onlyHere = true
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(h.opts.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("run: %w", err)
	case <-ctx.Done():
	}
	h.draining.Store(true)
	if n := h.meter.underWay(); n > 0 {
		h.opts.Logger.Info("finishing what was begun", "requests", n)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.opts.Drain)
	defer cancel()
	err := server.Shutdown(limited)
	<-failed
	if err != nil {
		n := h.meter.underWay()
		return errors.Join(fmt.Errorf("run: %d requests were cut off after %v", n, h.opts.Drain), server.Close())
	}
	return nil
}

// onThisMachine reports whether no other machine reaches an address.
func onThisMachine(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// namesThisMachine reports whether a Host header is what a client of this
// machine writes. An address cannot be pointed elsewhere, a name can.
func namesThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	_, err = netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || strings.EqualFold(strings.TrimSuffix(name, "."), "localhost")
}
