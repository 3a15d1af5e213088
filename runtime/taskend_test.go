package runtime_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// What a task that was stopped by the end of something else reports, and to
// whom.
func TestEndsOfTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, want string }{
		{"a timeout that returned stops its tasks, which is no failure", `
			hud.timeout(60, function() hud.spawn(function() hud.sleep(3600) end) end)
			hud.sleep(0.01) return "fine"`, "fine"},
		{"nor is one that passed", `
			pcall(hud.timeout, 0.01, function() hud.spawn(function() hud.sleep(3600) end) hud.sleep(3600) end)
			hud.sleep(0.01) return "fine"`, "fine"},
		{"whoever waits for such a task learns why it ended", `
			local t
			hud.timeout(60, function() t = hud.spawn(function() hud.sleep(3600) end) end)
			local _, e = pcall(t.wait, t)
			return e.code .. ": " .. e`, "canceled: task: it was stopped when the hud.timeout that it was spawned in returned"},
		{"the same of a task's task", `
			local t
			hud.spawn(function() t = hud.spawn(function() hud.sleep(3600) end) end):wait()
			local _, e = pcall(t.wait, t)
			return e.code .. ": " .. e`, "canceled: task: it was stopped when the task that spawned it returned"},
		{"gather does not wait for the others", `
			local _, e = pcall(hud.gather, {function() hud.sleep(3600) end, function() error("second", 0) end})
			return e`, "second"},
		{"gather of tasks that wait for each other", `
			local a
			a = hud.spawn(function() hud.sleep(0) hud.gather{hud.spawn(function() a:wait() end)} end)
			local _, e = pcall(a.wait, a)
			return tostring(e):find("deadlock") and "deadlock" or e.message`, "deadlock"},
		{"gather and map keep the order and the holes", `
			local function back(x) hud.sleep((4 - x) / 100) if x ~= 2 then return x end end
			local m = hud.map({1, 2, 3}, back)
			local g = hud.gather{function() return back(1) end, function() return back(2) end, hud.spawn(back, 3)}
			return table.concat({#m, m[1], tostring(m[2]), m[3], #g, g[1], tostring(g[2]), g[3]}, " ")`, "3 1 nil 3 3 1 nil 3"},
		{"a handler of xpcall that fails", `
			local ok, e = xpcall(error, function() error("again", 0) end, "first")
			return tostring(ok) .. " " .. e`, "false again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out, err := mustRun(t, open(t, tasksConfig()), ctx, `local hud = require "tasks" `+c.src)
			if err != nil || len(out) != 1 || out[0] != c.want {
				t.Errorf("got %v, %v, want %q", out, err, c.want)
			}
		})
	}
}

// Ten thousand tasks that fail alike are not ten thousand lines.
func TestManyFailuresAreCounted(t *testing.T) {
	t.Parallel()
	_, err := mustRun(t, open(t, tasksConfig()), context.Background(), `
		local hud = require "tasks"
		for i = 1, 5000 do hud.spawn(function() error("no " .. i) end) end
		hud.sleep(0.2)`)
	lines := strings.Split(runtime.Lines(err), "\n")
	if len(lines) != 9 || !strings.HasSuffix(lines[0], "test.lua:3: no 1") || lines[8] != "4992 more tasks failed, and nobody waited for them" {
		t.Errorf("got %d lines: %s … %s", len(lines), lines[0], lines[len(lines)-1])
	}
	var e *runtime.Error
	if !errors.As(err, &e) || e.Line != 3 {
		t.Errorf("got %v, want the position of the first failure", err)
	}
}
