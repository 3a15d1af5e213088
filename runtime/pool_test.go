package runtime_test

import (
	"context"
	"errors"
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
