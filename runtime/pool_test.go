package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

func TestPool(t *testing.T) {
	testkit.NoLeaks(t)
	if _, err := runtime.NewPool(runtime.Config{}, 0); err == nil {
		t.Error("got no error for an empty pool")
	}
	if _, err := runtime.NewPool(runtime.Config{Limits: runtime.Limits{Steps: -5}}, 2); err == nil {
		t.Error("got no error for a bad Config")
	}
	p, err := runtime.NewPool(tasksConfig(), 2)
	if err != nil {
		t.Fatal(err)
	}
	square, err := runtime.Compile("square.lua", `local x = ... return x * x`)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Hammer(t, 6, 20, func(g, i int) {
		out, err := p.Run(context.Background(), square, i)
		if err != nil || out[0] != float64(i*i) {
			t.Errorf("got %v, %v, want %d", out, err, i*i)
		}
	})
	forever, err := runtime.Compile("forever.lua", `while true do end`)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := p.Run(context.Background(), forever)
			stopped <- err
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for { // until both are taken
		if _, err := p.Run(ctx, square, 1); errors.Is(err, context.DeadlineExceeded) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := <-stopped; !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if _, err := p.Run(context.Background(), square, 1); !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

// A slot is a Pool of one Runtime whose script says when it has begun, and waits
// to be let go.
type slot struct {
	*runtime.Pool
	began, goOn chan string
}

func newSlot(t *testing.T) slot {
	t.Helper()
	p, err := runtime.NewPool(runtime.Config{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	s := slot{p, make(chan string), make(chan string)}
	if err := p.Set(context.Background(), "turn", func(ctx context.Context, name string) (string, error) {
		s.began <- name
		select {
		case name = <-s.goOn:
			return name, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// queue starts a run that waits for its turn, as the n-th that does.
func (s slot) queue(t *testing.T, ctx context.Context, name string, n int) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	c := chunk(t, "return turn(...)")
	go func() {
		_, err := s.Run(ctx, c, name)
		ended <- err
	}()
	for s.Waiting() < n {
		goruntime.Gosched()
	}
	return ended
}

func TestPoolIsFair(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newSlot(t)
	first := s.queue(t, ctx, "0", 0)
	if got := <-s.began; got != "0" {
		t.Fatalf("got %s", got)
	}
	gone, cancel := context.WithCancelCause(ctx)
	ended := []<-chan error{first}
	for i := 1; i <= 5; i++ {
		c := ctx
		if i == 3 {
			c = gone
		}
		ended = append(ended, s.queue(t, c, fmt.Sprint(i), i))
	}
	why := errors.New("no longer wanted")
	cancel(why)
	if err := <-ended[3]; !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cause, and Canceled", err)
	}
	if n := s.Waiting(); n != 4 {
		t.Errorf("got %d waiting, want 4", n)
	}
	for _, want := range []string{"1", "2", "4", "5"} {
		s.goOn <- ""
		if got := <-s.began; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	s.goOn <- ""
	for _, i := range []int{0, 1, 2, 4, 5} {
		if err := <-ended[i]; err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Run(gone, chunk(t, "")); !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestPoolCloseWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newSlot(t)
	ended := []<-chan error{s.queue(t, ctx, "0", 0)}
	<-s.began
	for i := 1; i <= 3; i++ {
		ended = append(ended, s.queue(t, ctx, "later", i))
	}
	set := make(chan error)
	go func() { set <- s.Set(ctx, "x", 1) }()
	for s.Waiting() < 4 {
		goruntime.Gosched()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for i, c := range ended {
		if err := <-c; !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("%d: got %v, want ErrClosed", i, err)
		}
	}
	if err := <-set; !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("Set: got %v, want ErrClosed", err)
	}
}

// What one run does to its Runtime, by a mistake or on purpose, and the next.
func TestPoolAfterBadRuns(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p, err := runtime.NewPool(runtime.Config{Limits: runtime.Limits{Steps: 100_000, WallTime: time.Second}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Set(ctx, "bug", func() { panic("in the host") }); err != nil {
		t.Fatal(err)
	}
	if err := p.Set(ctx, "bad", make(chan int)); err == nil {
		t.Error("a channel was set")
	}
	clean := chunk(t, `return #("x"):rep(3) + math.max(1, 2), leaked`)
	for _, c := range []struct {
		src  string
		want error
	}{
		{"while true do end", runtime.ErrSteps},
		{"local function f() return f() + 1 end f()", runtime.ErrDepth},
		{"bug()", runtime.ErrHostBug},
		{"return ('x'):rep(1e9)", runtime.ErrSize},
		{"error('no')", nil},
		{"os.exit(3)", nil},
	} {
		_, err := p.Run(ctx, chunk(t, c.src))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.src, err, c.want)
		}
		if out, err := p.Run(ctx, clean); err != nil || out[0] != 5.0 {
			t.Errorf("after %s: got %v, %v", c.src, out, err)
		}
	}
	// Globals stay, also what was done to the libraries; RunFresh sees none of it.
	if _, err := p.Run(ctx, chunk(t, `leaked = 1 math.max = function() return -3 end`)); err != nil {
		t.Fatal(err)
	}
	if out, err := p.Run(ctx, clean); err != nil || fmt.Sprint(out) != "[0 1]" {
		t.Errorf("Run: got %v, %v, want what the run before left", out, err)
	}
	for range 2 {
		if out, err := p.RunFresh(ctx, clean); err != nil || fmt.Sprint(out) != "[5 <nil>]" {
			t.Errorf("RunFresh: got %v, %v, want nothing that was left", out, err)
		}
		if _, err := p.RunFresh(ctx, chunk(t, "leaked = 2 bug()")); !errors.Is(err, runtime.ErrHostBug) {
			t.Errorf("RunFresh: got %v, want the value of Set", err)
		}
	}
}

// Runs, sets and a close from everywhere.
func TestPoolHammer(t *testing.T) {
	testkit.NoLeaks(t)
	ctx := context.Background()
	var out bytes.Buffer
	p, err := runtime.NewPool(runtime.Config{Stdout: &out, Limits: runtime.Limits{Steps: 5_000}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Set(ctx, "n", 0); err != nil {
		t.Fatal(err)
	}
	say, bad := chunk(t, `print("one", "line") return n`), chunk(t, `while true do end`)
	if _, err := p.Run(ctx, say); err != nil {
		t.Fatal(err)
	}
	testkit.Hammer(t, 6, 30, func(g, i int) {
		var err error
		switch {
		case g == 5 && i == 25:
			err = p.Close()
		case g == 5:
			err = p.Set(ctx, "n", i)
		case i%7 == 6:
			if _, err = p.Run(ctx, bad); errors.Is(err, runtime.ErrSteps) {
				err = nil
			}
		case i%5 == 4:
			short, cancel := context.WithTimeout(ctx, 50*time.Microsecond)
			defer cancel()
			if _, err = p.RunFresh(short, say); errors.Is(err, context.DeadlineExceeded) {
				err = nil
			}
		default:
			_, err = p.Run(ctx, say)
		}
		if err != nil && !errors.Is(err, runtime.ErrClosed) {
			t.Error(err)
		}
	})
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if line != "one\tline" {
			t.Errorf("got %q, want whole lines", line)
		}
	}
}
