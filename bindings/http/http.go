// Package http is hud.http: requests to the addresses that the host allows by
// name and port. It exists only where there is one.
//
// Nothing of the host's goes along: no keys, no cookies, no proxy. A redirect is
// answered as it is; following it is the script's decision, and needs the same
// permission. Hosts names what may be asked for, and a name that somebody else
// answers for leads nowhere near this machine: not to loopback or link-local
// addresses, in whatever notation. It may lead to a private network, as names
// that a host allows often do. An answer is at most as large as a string may be,
// and few requests to one address are under way at a time.
package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// Needs names what grants the capability.
func Needs(c runtime.Capabilities) string {
	if len(c.Hosts) > 0 {
		return ""
	}
	return "--allow-net HOST:PORT grants one address; a host program sets Capabilities.Hosts"
}

// defaultTimeout is that of one request.
const defaultTimeout = 30 * time.Second

// maxConns are open to one address; further requests wait. Ten thousand tasks
// would otherwise take all descriptors of the process.
const maxConns = 32

// maxHeader is the size of an answer's headers.
const maxHeader = 1 << 20

type library struct {
	vm    *runtime.VM
	hosts []string
	http  *http.Client
}

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	transport := newTransport()
	l := &library{vm: vm, hosts: vm.Capabilities().Hosts, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	vm.OnClose(transport.CloseIdleConnections)
	return luax.Module(vm, "hud.http", map[string]lua.LGFunction{
		"get": func(L *lua.LState) int {
			a := luax.Read(L, "get")
			address := a.String("url")
			o := a.Options("headers", "timeout")
			a.End()
			return l.send(&a, http.MethodGet, address, "", &o)
		},
		"post": func(L *lua.LState) int {
			a := luax.Read(L, "post")
			address, body := a.String("url"), a.String("body")
			o := a.Options("headers", "timeout")
			a.End()
			return l.send(&a, http.MethodPost, address, body, &o)
		},
		"request": func(L *lua.LState) int {
			a := luax.Read(L, "request")
			o := a.Options("method", "url", "body", "headers", "timeout")
			a.End()
			method := strings.ToUpper(o.String("method", http.MethodGet))
			if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
				a.Fail("method: got %q, want GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS", method)
			}
			return l.send(&a, method, o.NeedString("url"), o.String("body", ""), &o)
		},
	}), nil
}

// newTransport has no proxy, whatever the environment says.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         dial,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 8,
		MaxConnsPerHost:     maxConns,

		MaxResponseHeaderBytes: maxHeader,
		ResponseHeaderTimeout:  10 * time.Minute,
	}
}

// allow checks an address against the list.
func (l *library) allow(a *luax.Args, address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		a.Fail("url: got %q, want an http or https address", address)
	}
	if u.User != nil {
		a.FailHint("send an Authorization header", "url: a name and password in an address are shown wherever it is")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if host := net.JoinHostPort(u.Hostname(), port); !slices.ContainsFunc(l.hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		a.FailHint("--allow-net "+host+" allows it; a host program sets Capabilities.Hosts", "this script may not reach %s", host)
	}
	return u
}

func (l *library) send(a *luax.Args, method, address, body string, o *luax.Options) int {
	u := l.allow(a, address)
	timeout := o.Number("timeout", defaultTimeout.Seconds())
	if !(timeout > 0) || timeout > 24*3600 {
		a.Fail("timeout: got %g, want seconds above 0, at most a day", timeout)
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	ctx, cancel := context.WithTimeout(l.vm.Context(a.L), time.Duration(timeout*float64(time.Second)))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		a.Fail("%v", err)
	}
	req.Header.Set("User-Agent", "hudrl")
	if headers := o.Table("headers"); headers != nil {
		for k, v := headers.Next(lua.LNil); k != lua.LNil; k, v = headers.Next(k) {
			name, value := a.AsString("headers: name", k), l.vm.Text(a.L, v)
			if strings.EqualFold(name, "host") || strings.ContainsAny(name+value, "\r\n") {
				a.Fail("headers: %s cannot be set to %q", name, value)
			}
			req.Header.Set(name, value)
		}
	}
	most := l.vm.Limits().StringBytes
	var answer *http.Response
	var text []byte
	waited := l.vm.Wait(a.L, func() {
		if answer, err = l.http.Do(req); err != nil {
			return
		}
		text, err = io.ReadAll(io.LimitReader(answer.Body, int64(most)+1))
		err = errors.Join(err, answer.Body.Close())
	})
	if err = errors.Join(err, waited); err != nil {
		l.raise(a, method, u, timeout, err)
	}
	l.vm.CheckString(a.L, len(text))
	out := l.vm.NewTable(0, 3)
	out.RawSetString("status", lua.LNumber(answer.StatusCode))
	out.RawSetString("body", lua.LString(text))
	headers := l.vm.NewTable(0, len(answer.Header))
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		headers.RawSetString(strings.ToLower(name), lua.LString(strings.Join(answer.Header[name], ", ")))
	}
	out.RawSetString("headers", headers)
	a.L.Push(out)
	return 1
}

// raise tells a stop of the script from a failure of the request.
func (l *library) raise(a *luax.Args, method string, u *url.URL, timeout float64, err error) {
	if stopped := l.vm.Context(a.L).Err(); stopped != nil {
		l.vm.Raise(a.L, stopped)
	}
	code := "network"
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // the address is said once
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		code, text = "timeout", fmt.Sprintf("no answer within %g s", timeout)
	}
	l.vm.Raise(a.L, &runtime.Fault{Code: code, Message: fmt.Sprintf("%s: %s %s: %s", a.Name(), method, u.Redacted(), text)})
}
