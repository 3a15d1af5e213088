package http

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// dial connects, if the address that the name leads to at this moment is one
// that it may lead to: nothing is looked up twice.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second, Control: func(_, reached string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(reached)
		if err != nil {
			return err
		}
		return mayReach(host, at.Addr())
	}}
	return d.DialContext(ctx, network, address)
}

// mayReach says why host must not lead to at. An address was allowed as it is;
// whom a name belongs to is not known.
func mayReach(host string, at netip.Addr) error {
	at = plain(at)
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch _, err := netip.ParseAddr(host); {
	case err == nil:
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		if !at.IsLoopback() {
			return fmt.Errorf("%s leads to %s, which is not this machine", host, at)
		}
	case at.IsLoopback(), at.IsUnspecified(), at.IsLinkLocalUnicast(), at.IsMulticast(), thisNetwork.Contains(at):
		return fmt.Errorf("%s leads to %s, an address of this machine", host, at)
	}
	return nil
}

// thisNetwork are addresses that some systems take for this machine.
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// embedding are IPv6 addresses that stand for the IPv4 address at an offset:
// NAT64's, 6to4's, and those that are compatible to IPv4.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// plain is the IPv4 address that at stands for, or at without a zone.
func plain(at netip.Addr) netip.Addr {
	at = at.Unmap().WithZone("")
	if at.Is4() || at == netip.IPv6Loopback() || at == netip.IPv6Unspecified() {
		return at
	}
	for _, e := range embedding {
		if e.prefix.Contains(at) {
			bytes := at.As16()
			return netip.AddrFrom4([4]byte(bytes[e.at : e.at+4]))
		}
	}
	return at
}
