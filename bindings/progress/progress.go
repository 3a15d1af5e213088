// Package progress is hud.progress: a status line on standard error.
package progress

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime"
)

// A statusWriter keeps a line below what else is written, as a terminal's
// screen does. Other writers get whole lines, rarely.
type statusWriter interface{ Status(line string) }

// between is the least time between two lines where there is no status line.
const between = 10 * time.Second

// A line is the state of one hud.Progress.
type line struct {
	vm     *runtime.VM
	label  string
	total  float64 // 0 without one
	count  float64
	note   string
	quiet  bool
	closed bool
	shown  time.Duration // when a whole line was last written
}

// Open makes the module, a function, in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	luax.Define(vm, luax.Class[*line]{
		Name: "Progress",
		Methods: map[string]lua.LGFunction{
			"step": func(L *lua.LState) int {
				a := luax.Read(L, "step")
				p := luax.Self[*line](&a)
				note := a.OptString("note", "")
				a.End()
				p.set(p.count+1, note)
				return 0
			},
			"set": func(L *lua.LState) int {
				a := luax.Read(L, "set")
				p := luax.Self[*line](&a)
				count := a.Number("count")
				note := a.OptString("note", "")
				a.End()
				if !(count >= 0) {
					a.Fail("count: got %v, want a number of at least 0", count)
				}
				p.set(count, note)
				return 0
			},
			"done": func(L *lua.LState) int {
				a := luax.Read(L, "done")
				p := luax.Self[*line](&a)
				a.End()
				p.done()
				return 0
			},
		},
	})
	vm.OnClose(func() { status(vm, "") })
	return vm.NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, "progress")
		total := a.OptNumber("total", 0)
		o := a.Options("label")
		label := o.String("label", "")
		a.End()
		if !(total >= 0) {
			a.Fail("total: got %v, want a number of at least 0", total)
		}
		p := &line{vm: vm, label: label, total: total, quiet: !vm.Logger().Enabled(context.Background(), slog.LevelInfo)}
		p.shown = vm.Now()
		p.show()
		L.Push(luax.Wrap(L, p))
		return 1
	}), nil
}

func (p *line) set(count float64, note string) {
	if p.closed {
		return
	}
	p.count, p.note = count, note
	p.show()
}

func (p *line) text() string { return plot.Progress(p.label, p.count, p.total, p.note) }

// status sets the status line, where there is one.
func status(vm *runtime.VM, text string) bool {
	w, ok := vm.Stderr().(statusWriter)
	if ok {
		w.Status(text)
	}
	return ok
}

func (p *line) show() {
	if p.quiet || status(p.vm, p.text()) {
		return
	}
	if now := p.vm.Now(); now-p.shown >= between {
		p.shown = now
		io.WriteString(p.vm.Stderr(), fmt.Sprintln(p.text()))
	}
}

func (p *line) done() {
	if !p.closed && !p.quiet {
		status(p.vm, "")
	}
	p.closed = true
}
