package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// hammerScript does everything that tasks can do at once.
const hammerScript = withTasks + `
	local shared = 0
	local co = coroutine.wrap(function() while true do shared = shared + 1 coroutine.yield(shared) end end)
	local lazy = coroutine.create(function() hud.sleep(0.0002) end)
	local tasks = {}
	for i = 1, 12 do
		tasks[i] = hud.spawn(function()
			for j = 1, 3 do
				pcall(co)
				pcall(coroutine.resume, lazy)
				pcall(hud.timeout, 0.0003, function() hud.sleep(0.0001 * j) end)
				hud.map({1, 2}, function(x) return x .. math.random(10) end)
				pcall(error, {code = j})
				if i % 4 == 0 then tasks[(i + j) % 12 + 1]:cancel() end
			end
			return i
		end)
	end
	local n = 0
	for i = 1, 12 do if pcall(tasks[i].wait, tasks[i]) then n = n + 1 end end
	return n`

// Many callers, interrupts and closes at random moments: never a race, a
// hang, a leak, or an error that is none of the expected ones.
func TestHammer(t *testing.T) {
	testkit.NoLeaks(t)
	chunk, err := runtime.Compile("hammer.lua", hammerScript)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("hammered")
	var finished, stopped, busy atomic.Int64
	for round := range 4 {
		rt, err := runtime.New(tasksConfig())
		if err != nil {
			t.Fatal(err)
		}
		testkit.Hammer(t, 4, 12, func(g, i int) {
			if g == 3 {
				if i%3 == 0 {
					rt.Interrupt(cause)
				}
				if round == 3 && i == 9 {
					rt.Close()
				}
			}
			ctx := context.Background()
			if i%5 == 4 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*100*time.Microsecond)
				defer cancel()
			}
			out, err := rt.Run(ctx, chunk)
			switch {
			case err == nil:
				finished.Add(1)
				if n := out[0].(float64); n < 1 || n > 12 {
					t.Errorf("got %v finished tasks", n)
				}
			case errors.Is(err, runtime.ErrBusy):
				busy.Add(1)
			case errors.Is(err, cause), errors.Is(err, context.DeadlineExceeded), errors.Is(err, runtime.ErrClosed):
				stopped.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}
	if finished.Load() == 0 {
		t.Error("no run finished")
	}
	t.Logf("finished %d, stopped %d, busy %d", finished.Load(), stopped.Load(), busy.Load())
}

// Runtimes share a chunk and nothing else.
func TestChunkInManyRuntimes(t *testing.T) {
	testkit.NoLeaks(t)
	chunk, err := runtime.Compile("x.lua", `local t = {} for i = 1, 200 do t[i] = i .. "" end return table.concat(t):len(), ...`)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Hammer(t, 4, 10, func(g, i int) {
		rt, err := runtime.New(runtime.Config{})
		if err != nil {
			t.Error(err)
			return
		}
		defer rt.Close()
		out, err := rt.Run(context.Background(), chunk, g)
		if err != nil || fmt.Sprint(out) != fmt.Sprintf("[492 %d]", g) {
			t.Errorf("got %v, %v", out, err)
		}
	})
}

// A thousand tasks wait at once, in all the places where Lua can call Lua.
func TestThousandTasks(t *testing.T) {
	testkit.NoLeaks(t)
	rt, err := runtime.New(tasksConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	out, err := mustRun(t, rt, context.Background(), withTasks+`
		local list = {}
		for i = 1, 1000 do list[i] = i end
		local mt = {__index = function(t, k) hud.sleep(0.001) return k end}
		local r = hud.map(list, function(i)
			local k = i % 5
			if k == 0 then hud.sleep(0.001) return i end
			if k == 1 then return select(2, pcall(function() hud.sleep(0.001) return i end)) end
			if k == 2 then return coroutine.wrap(function() hud.sleep(0.001) coroutine.yield(i) end)() end
			if k == 3 then return setmetatable({}, mt)[i] end
			local t = {i, i - 1} table.sort(t, function(a, b) hud.sleep(0.0005) return a < b end) return t[2]
		end)
		local sum = 0
		for i, v in ipairs(r) do assert(v == i) sum = sum + v end
		return sum`)
	if err != nil || out[0] != 500500.0 {
		t.Errorf("got %v, %v, want 500500", out, err)
	}
}
