package heap

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The system lists the range among those that may have large pages, flag hg of
// proc(5), and nothing in it was touched.
func TestLargePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Log("no large pages here")
		return
	}
	lo, hi := largePages(floor)
	if lo == 0 {
		t.Log("the process has a limit")
		return
	}
	if lo%pageSize != 0 || hi%pageSize != 0 || hi-lo < floor-2*pageSize {
		t.Fatalf("got %#x to %#x", lo, hi)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	advised := uintptr(0)
	var from, to uintptr
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			continue
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && strings.Contains(flags+" ", " hg ") && from < hi && to > lo {
			advised += min(to, hi) - max(from, lo)
		}
	}
	if advised < hi-lo { // more where the list changes while it is read
		t.Errorf("got large pages for %d bytes, want %d", advised, hi-lo)
	}
}

// A process whose memory has a limit keeps its room.
func TestLargePagesLimited(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &was); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_DATA, &was) }()
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: min(was.Max, 1<<40), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	if lo, hi := largePages(floor); lo != hi {
		t.Errorf("got %#x to %#x, want none", lo, hi)
	}
}
