package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
)

// A backend is an open training service.
type backend interface {
	hud.Service
	io.Closer
}

const localName = "local"

// choice is the name of the service that flags and environment choose.
func (f *serviceFlags) choice(a *app) string {
	name := f.service
	if name == "" {
		name, _ = a.Getenv("HUDRL_SERVICE")
	}
	return cmp.Or(name, localName)
}

// open checks the flags and returns the service, which does nothing before it
// is first used.
func (f *serviceFlags) open(a *app) (*lazyService, error) {
	dir, dirErr := a.dataDir(f.data)
	l := &lazyService{dir: dir, say: func(line string) { fmt.Fprintln(a.Stderr, line) }}
	name := f.choice(a)
	if name == localName && a.Parent == nil {
		l.where, l.err = "Data: "+dir, dirErr
		l.open = func() (backend, error) {
			svc, err := local.Open(dir, local.Options{KeepAll: f.keep.value == "all"})
			if err != nil {
				return nil, err // a nil *local.Service is no nil backend
			}
			a.notePortable()
			return svc, nil
		}
		return l, nil
	}
	settings, err := a.settings(name)
	if err != nil {
		return nil, err
	}
	l.where = "Service: " + cmp.Or(settings.APIURL, "HUD")
	if name == "hud" {
		web, _ := a.Getenv("HUD_WEB_URL")
		l.web = strings.TrimRight(cmp.Or(web, "https://hud.ai"), "/")
		l.gateway = cmp.Or(settings.GatewayURL, "https://inference.hud.ai")
	}
	l.open = func() (backend, error) {
		remote, err := hud.Dial(hud.Config{Settings: settings, OnWait: l.reportWait()})
		if err != nil {
			return nil, err
		}
		return remote, nil
	}
	return l, nil
}

// settings are those of a service over HTTP: HUD's, or the one at an address,
// which stands for all of HUD's. The key is the user's own either way. An
// isolated script has its parent's alone.
func (a *app) settings(name string) (hud.Settings, error) {
	if a.Parent != nil {
		return a.Parent.settings(), nil
	}
	settings, err := hud.LoadSettings(a.environment())
	if err != nil {
		return settings, usagef("%v", err)
	}
	switch {
	case name == "hud":
	case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
		if _, err := hud.HostPort(name); err != nil {
			return settings, usagef("service: %v", err)
		}
		settings.APIURL, settings.RLURL, settings.GatewayURL = name, name, name
	default:
		return settings, &usageError{
			message: fmt.Sprintf("service: got %q, want local, hud or an address such as http://127.0.0.1:8700", name),
			hint:    "local is the service inside this program, hud is HUD's",
		}
	}
	return settings, nil
}

// environment is where HUD's settings come from.
func (a *app) environment() hud.Environment {
	home, _ := a.Getenv("HOME")
	if home == "" {
		home, _ = a.Getenv("USERPROFILE")
	}
	return hud.Environment{Getenv: a.Getenv, ReadFile: a.ReadFile, Dir: a.Dir, Home: home}
}

// reportWait says that a call is still waiting. Many calls may wait at once:
// one of them speaks for all.
func (l *lazyService) reportWait() func(op string, waited time.Duration) {
	var mu sync.Mutex
	var last time.Time
	return func(op string, waited time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) > 9*time.Second {
			last = now
			l.say(fmt.Sprintf("waiting %d s for %s", int(waited.Seconds()), op))
		}
	}
}

// embedded is the service inside this program, for what only it can do.
func (l *lazyService) embedded(command string) (*local.Service, error) {
	svc, err := l.get()
	if err != nil {
		return nil, err
	}
	if embedded, ok := svc.(*local.Service); ok {
		return embedded, nil
	}
	return nil, &usageError{command + ": only the embedded service can do this", "want --service local"}
}

// At implements hud.Relocator. The user's key goes to the addresses the user
// chose and to no other.
func (l *lazyService) At(address hud.Address) (hud.Service, error) {
	svc, err := l.get()
	if err != nil {
		return nil, err
	}
	if r, ok := svc.(hud.Relocator); ok {
		return r.At(address)
	}
	base, api := cmp.Or(address.BaseURL, address.APIURL), cmp.Or(address.APIURL, address.BaseURL)
	if base == "" {
		return nil, &hud.Error{Op: "TrainingClient", Code: hud.CodeValidation,
			Detail: "api_key: this service is not reached over the network", Hint: "leave it out: the host chose the service"}
	}
	return hud.Dial(hud.Config{
		Settings: hud.Settings{APIKey: address.APIKey, APIURL: api, RLURL: base, GatewayURL: base},
		OnWait:   l.reportWait(),
	})
}
