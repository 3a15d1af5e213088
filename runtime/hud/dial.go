package hud

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Config says where a service is and how to talk to it. The zero value is
// HUD's service without a key, which refuses every call.
type Config struct {
	Settings

	// Timeout is how long nothing may happen: while connecting, sending, or
	// waiting for more of an answer. 0 is 10 minutes, HUD's. There is no limit
	// on the whole of a call but its context's.
	Timeout time.Duration

	// OnWait is told every 10 s that a call is still waiting, from another
	// goroutine; never after the call has returned. what is the operation, and
	// how often it was tried and why that failed, if it was.
	OnWait func(what string, waited time.Duration)

	// MaxResponse bounds the answer to a call in bytes. 0 is 2 GiB.
	MaxResponse int64

	// TLS is for a service whose certificate the system does not know; nil is
	// TLS 1.2 or later with the system's authorities.
	TLS *tls.Config

	// DialContext connects; nil is a net.Dialer that heeds the environment's
	// proxies.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultTimeout     = 600 * time.Second
	defaultMaxResponse = 2 << 30
	waitEvery          = 10 * time.Second
	maxErrorBody       = 64 << 10
)

// A Remote is HUD's service, or another of the same protocol, over HTTP. It
// implements Service and Tracer, and TokenizerSource where the service is one
// of hudrl's, and is safe for concurrent use.
//
// A training call is one POST, sent once: never retried, never replayed by a
// connection's failure, and never redirected. When it fails after it may have
// reached the service, the error's Unknown is set. Calls that change nothing,
// Fork and SetHead are tried again as HUD's client tries them: up to four
// times, 2, 4, 8 and 16 s apart, or as long apart as the service asks for, 30 s
// at most, after 429, 502, 503, 504 and failures of the network, but not after
// a timeout. Chats are tried again as the OpenAI
// client does: twice, after 408, 409, 429, 5xx, failures and timeouts.
//
// Numbers that come in are those of the text, numbers that go out are written
// so that they are read back the same.
type Remote struct {
	config Config
	key    string
	once   *http.Client // a connection of its own for each request
	pool   *http.Client
	close  func()

	mu         sync.Mutex
	jobs       map[string]*job
	extensions map[string][]string // by origin, of those that were asked
	tokenizers map[string]Tokenizer
}

var (
	_ Service         = (*Remote)(nil)
	_ TokenizerSource = (*Remote)(nil)
	_ Tracer          = (*Remote)(nil)
	_ Relocator       = (*Remote)(nil)
)

// Dial makes a client; nothing is sent yet. A service without a key is only
// called on this machine: elsewhere every call fails with CodeAuth before
// anything is sent.
func Dial(c Config) (*Remote, error) {
	const op = "dial"
	c.Settings = c.withDefaults()
	for name, address := range c.addresses() {
		if err := checkURL(address); err != nil {
			return nil, invalid(op, "%s: %v", name, err)
		}
	}
	for _, b := range []byte(c.APIKey) {
		if b <= ' ' || b > '~' {
			return nil, &Error{Op: op, Code: CodeAuth, Detail: "the API key has a character that no key has", Hint: hintKey}
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxResponse <= 0 {
		c.MaxResponse = defaultMaxResponse
	}
	once, pool := transport(c), transport(c)
	// A connection that was idle may be closed by the other side just as a
	// request is written to it. A training call must not meet one.
	once.DisableKeepAlives = true
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Remote{
		config: c,
		key:    string(c.APIKey),
		once:   &http.Client{Transport: once, CheckRedirect: refuse},
		pool:   &http.Client{Transport: pool, CheckRedirect: refuse},
		close:  pool.CloseIdleConnections,
		jobs:   map[string]*job{}, extensions: map[string][]string{}, tokenizers: map[string]Tokenizer{},
	}, nil
}

func transport(c Config) *http.Transport {
	t := &http.Transport{
		DialContext:            c.DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        c.TLS.Clone(), // each transport adds its protocols
		MaxIdleConnsPerHost:    256,           // as many chats at once use them again
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         64 << 10,
		WriteBufferSize:        64 << 10,
	}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.DialContext == nil {
		t.Proxy = http.ProxyFromEnvironment
		t.DialContext = (&net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return t
}

// Close lets go of idle connections.
func (r *Remote) Close() error {
	r.close()
	return nil
}

// String names the service without its key.
func (r *Remote) String() string { return "service at " + r.config.RLURL }

// An Address is what a script may say about where its calls go, as the
// arguments of HUD's TrainingClient. Empty fields are the host's.
type Address struct {
	APIKey  Secret
	BaseURL string // of training
	APIURL  string // of the catalog
}

// At implements Relocator. With an address of its own a script needs a key of
// its own, also for the addresses it left to the host.
func (r *Remote) At(a Address) (Service, error) {
	c := r.config
	if a.BaseURL != "" || a.APIURL != "" {
		c.APIKey = ""
	}
	if a.APIKey != "" {
		c.APIKey = a.APIKey
	}
	if a.BaseURL != "" {
		c.RLURL = a.BaseURL
	}
	if a.APIURL != "" {
		c.APIURL = a.APIURL
	}
	return Dial(c)
}

// authorized is whether calls may be made: there is a key, or the service is
// on this machine.
func (r *Remote) authorized() bool {
	if r.key != "" {
		return true
	}
	for _, address := range r.config.addresses() {
		if !loopback(address) {
			return false
		}
	}
	return true
}
