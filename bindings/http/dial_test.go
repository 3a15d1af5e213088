package http

import (
	"net/netip"
	"testing"
)

// Where a name leads is looked at when it is reached: whoever answers for it
// may give an address of this machine, in many notations.
func TestMayReach(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, at string
		may      bool
	}{
		{"example.com", "93.184.216.34", true},
		{"example.com", "2606:2800:220:1::1", true},
		{"internal.example", "10.1.2.3", true},
		{"internal.example", "fd00::1", true},
		{"example.com", "127.0.0.1", false},
		{"example.com", "127.8.8.8", false},
		{"example.com", "0.0.0.0", false},
		{"example.com", "0.1.2.3", false},
		{"example.com", "::1", false},
		{"example.com", "::", false},
		{"example.com", "::ffff:127.0.0.1", false},
		{"example.com", "::ffff:7f00:1", false},
		{"example.com", "::127.0.0.1", false},
		{"example.com", "64:ff9b::7f00:1", false},
		{"example.com", "64:ff9b::808:808", true},
		{"example.com", "2002:7f00:1::", false},
		{"example.com", "169.254.169.254", false},
		{"example.com", "::ffff:169.254.169.254", false},
		{"example.com", "fe80::1%eth0", false},
		{"example.com", "224.0.0.1", false},
		{"localhost.example.com", "127.0.0.1", false},
		{"127.0.0.1.example.com", "127.0.0.1", false},
		{"localhost", "127.0.0.1", true},
		{"LOCALHOST.", "::1", true},
		{"a.localhost", "127.0.0.1", true},
		{"a.localhost", "93.184.216.34", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"::1", "::1", true},
		{"169.254.1.1", "169.254.1.1", true},
	} {
		if err := mayReach(c.host, netip.MustParseAddr(c.at)); (err == nil) != c.may {
			t.Errorf("%s to %s: got %v, want %v", c.host, c.at, err, c.may)
		}
	}
}

// Nothing of this process's environment decides where a request goes.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	if tr := newTransport(); tr.Proxy != nil || tr.MaxConnsPerHost <= 0 || tr.MaxResponseHeaderBytes <= 0 {
		t.Errorf("got a proxy, or no limits: %+v", tr)
	}
}
