package runtime

import (
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/pprof/profile"
	lua "github.com/yuin/gopher-lua"
)

// samplePeriod is how often a profile looks.
const samplePeriod = time.Millisecond

// profiled is how many profiles are being made in this process: host functions
// look at it when they return.
var profiled atomic.Int64

// A profiler counts where a VM's time goes. A clock asks for samples; the
// holder of the interpreter lock takes them, at an instruction or where a host
// function returns, and books the time since the last one. So a sample is late
// by a host function at most, and is then booked on that function.
type profiler struct {
	due     atomic.Bool
	stop    chan struct{}
	started time.Time
	last    time.Time
	samples map[string]*profile.Sample
	places  map[place]*profile.Location
	names   map[*lua.FunctionProto]string
	random  uint32
	out     profile.Profile
}

// A place is a line of a function, which begins at another. Host functions have
// neither source nor lines.
type place struct {
	function, source string
	begins, line     int
}

// Profile samples what the following calls of rt do, a thousand times a second,
// until stop is called, which writes the profile to w in pprof's format
// (go tool pprof reads it). Functions and lines are Lua's; a host function is
// called "name (Go)", by what its caller calls it. Time is wall time, also what a
// script spends waiting; a tensor's arithmetic is on the line that needs its
// values. Meanwhile pure Lua takes some percent longer. A Runtime makes one
// profile at a time; neither Profile nor stop may be called while it runs.
func (rt *Runtime) Profile(w io.Writer) (stop func() error, err error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	switch {
	case rt.closed:
		return nil, ErrClosed
	case rt.running != nil:
		return nil, ErrBusy
	case rt.vm.profile != nil:
		return nil, errors.New("runtime: Profile: a profile is being made already")
	}
	p := &profiler{stop: make(chan struct{}), started: time.Now(), samples: map[string]*profile.Sample{}, places: map[place]*profile.Location{}, names: map[*lua.FunctionProto]string{}}
	rt.vm.profile = p
	profiled.Add(1)
	var clock sync.WaitGroup
	clock.Go(p.tick)
	return func() error {
		rt.mu.Lock()
		switch {
		case rt.vm.profile != p:
			rt.mu.Unlock()
			return errors.New("runtime: Profile: stopped already")
		case rt.running != nil:
			rt.mu.Unlock()
			return ErrBusy // it goes on, and can be stopped later
		}
		rt.vm.profile = nil
		rt.mu.Unlock()
		close(p.stop)
		clock.Wait()
		profiled.Add(-1)
		return p.write(w)
	}, nil
}

func (p *profiler) tick() {
	ticker := time.NewTicker(samplePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.due.Store(true)
		case <-p.stop:
			return
		}
	}
}

// profiling makes a budget ask the profile every few steps, if there is one.
func (vm *VM) profiling(b *budget) *budget {
	p := vm.profile
	if p == nil {
		return b
	}
	max, exceeded := b.max, b.exceeded
	b.max = -1
	b.exceeded = func(g *gate) {
		if b.used > max {
			exceeded(g)
		}
		if p.due.Load() {
			p.take(g.thread, 0)
		}
		// Steps apart that no loop can keep up with: each line has its chance.
		p.random = p.random*1664525 + 1013904223
		b.max = min(max, b.used+16+int64(p.random>>26))
	}
	p.last = time.Now()
	return b
}

// profileCall is called where a host function begins: what was due by then is
// its caller's.
func (vm *VM) profileCall(L *lua.LState) {
	if p := vm.profile; p != nil && p.due.Load() {
		p.take(L, 1)
	}
}

// profileReturn is called where a host function returns.
func (vm *VM) profileReturn(L *lua.LState) {
	if p := vm.profile; p != nil && p.due.Load() {
		p.take(L, 0)
	}
}

// profileWait is called where a wait ends: what was due by then is the waiting
// host function's, on a task's empty thread its spawner's.
func (vm *VM) profileWait(L *lua.LState) {
	p := vm.profile
	if p == nil || !p.due.Load() {
		return
	}
	p.take(L, 0)
}

// waiter is whose call L runs in; a task without any call of its own is part of
// what its spawner waits for.
func waiter(L *lua.LState, depth int) *lua.LState {
	g := gateOf(L)
	if g.caller == nil && depth == 0 && g.task != nil {
		return g.task.spawner
	}
	return g.caller
}

// take books the time since the last sample on the stack of L from a level on.
func (p *profiler) take(L *lua.LState, from int) {
	p.due.Store(false)
	now := time.Now()
	spent := now.Sub(p.last)
	p.last = now
	var stack []*profile.Location
	var key strings.Builder
	for depth := 0; L != nil && depth < math.MaxInt16; L = waiter(L, depth) {
		for level := from; ; level++ {
			dbg, ok := L.GetStack(level)
			if !ok {
				break
			}
			at := p.frame(L, dbg)
			if at.function == "" {
				continue
			}
			location := p.location(at)
			stack = append(stack, location)
			key.WriteString(strconv.FormatUint(location.ID, 36))
			key.WriteByte(' ')
			depth++
		}
		from = 0
	}
	if len(stack) == 0 {
		return
	}
	s := p.samples[key.String()]
	if s == nil {
		s = &profile.Sample{Location: stack, Value: []int64{0, 0}}
		p.samples[key.String()] = s
		p.out.Sample = append(p.out.Sample, s)
	}
	s.Value[0]++
	s.Value[1] += int64(spent)
}

// frame is where a level of the stack is; the host's own frames have no name.
func (p *profiler) frame(L *lua.LState, dbg *lua.Debug) place {
	fn, err := L.GetInfo("nSlf", dbg, lua.LNil)
	lf, ok := fn.(*lua.LFunction)
	if err != nil || !ok {
		return place{}
	}
	if lf.IsG {
		if dbg.Name == "main chunk" || strings.ContainsAny(dbg.Name, "?(<\x00") || dbg.Name == "" {
			return place{}
		}
		return place{function: dbg.Name + " (Go)"}
	}
	return place{p.name(VMOf(L), lf.Proto), dbg.Source, dbg.LineDefined, dbg.CurrentLine}
}

var (
	functionWord = regexp.MustCompile(`\bfunction\b`)
	functionName = regexp.MustCompile(`\bfunction\s+([A-Za-z_][\w.:]*)\s*\(|([A-Za-z_][\w.:]*)\s*=\s*function\b`)
)

// name is what a function is called where it is written: callers may have
// other names for it, or none.
func (p *profiler) name(vm *VM, proto *lua.FunctionProto) string {
	name, known := p.names[proto]
	if known {
		return name
	}
	if proto.LineDefined == 0 {
		name = "main chunk"
	} else {
		name = "function at line " + strconv.Itoa(proto.LineDefined)
		text := vm.sourceLine(proto.SourceName, proto.LineDefined)
		if m := functionName.FindStringSubmatch(text); m != nil && len(functionWord.FindAllStringIndex(text, 2)) == 1 {
			name = m[1] + m[2]
		}
	}
	p.names[proto] = name
	return name
}

func (p *profiler) location(at place) *profile.Location {
	if known := p.places[at]; known != nil {
		return known
	}
	fnAt := at
	fnAt.line = -1 // its function's
	var fn *profile.Function
	if known := p.places[fnAt]; known != nil {
		fn = known.Line[0].Function
	} else {
		fn = &profile.Function{ID: uint64(len(p.out.Function) + 1), Name: at.function, SystemName: at.function, Filename: at.source, StartLine: int64(at.begins)}
		p.out.Function = append(p.out.Function, fn)
		p.places[fnAt] = &profile.Location{Line: []profile.Line{{Function: fn}}}
	}
	l := &profile.Location{ID: uint64(len(p.out.Location) + 1), Line: []profile.Line{{Function: fn, Line: int64(at.line)}}}
	p.out.Location = append(p.out.Location, l)
	p.places[at] = l
	return l
}

func (p *profiler) write(w io.Writer) error {
	out := &p.out
	out.SampleType = []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "time", Unit: "nanoseconds"}}
	out.DefaultSampleType = "time"
	out.PeriodType = &profile.ValueType{Type: "time", Unit: "nanoseconds"}
	out.Period = int64(samplePeriod)
	out.TimeNanos = p.started.UnixNano()
	out.DurationNanos = int64(time.Since(p.started))
	if err := out.CheckValid(); err != nil {
		return err
	}
	return out.Write(w)
}
