package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/internal/testkit/luagen"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
	"github.com/hudrl/hudrl/stdlib"
)

// modulePrelude names one object of each class that a script can make without a
// service.
const modulePrelude = runtimetest.ReportingPcall + `
local hud = require "hud"
local tensor, loss = hud.tensor, hud.loss
local T, V, S = tensor{{1, 2, 3}, {4, 5, 6}}, tensor{0.5, -1, 2}:requires_grad_(), tensor.scalar(2)
local Stream, Progress, Dataset = hud.rng.stream(1), hud.progress(), hud.dataset({1, 2, 3})
local Batches = Dataset:batches(2)
`

var (
	fieldName = regexp.MustCompile(`(\w+)\??:`)
	word      = regexp.MustCompile(`^[a-z_]+$`)
	luaWords  = []string{"and", "break", "do", "else", "elseif", "end", "false", "for", "goto", "function", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"}
)

// moduleWords is every function and method that the stubs describe, with odd
// values of the types that they name.
func moduleWords(t testing.TB) luagen.Vocabulary {
	v := luagen.Vocabulary{
		Prelude: modulePrelude,
		Objects: []string{"T", "V", "S", "tensor.zeros(2, 0)", "tensor{}", "(T > 2)", "T:detach()", "Stream", "Progress", "Dataset", "Batches", "hud.spawn(d)"},
	}
	instances := map[string]string{"tensor": "T", "hud.Stream": "Stream", "hud.Progress": "Progress", "hud.Dataset": "Dataset", "hud.Batches": "Batches"}
	for _, e := range stdlib.Entries() {
		for _, text := range append([]string{e.Type}, types(e)...) {
			for _, m := range fieldName.FindAllStringSubmatch(text, -1) {
				if word.MatchString(m[1]) && !slices.Contains(luaWords, m[1]) && !slices.Contains(v.Fields, m[1]) {
					v.Fields = append(v.Fields, m[1])
				}
			}
		}
		if last := e.Name[strings.LastIndexByte(e.Name, '.')+1:]; e.Type != "" && word.MatchString(last) && !slices.Contains(luaWords, last) {
			v.Fields = append(v.Fields, last)
		}
		if !e.Function {
			continue
		}
		name, letters := e.Name, ""
		if class, method, ok := strings.Cut(e.Name, ":"); ok {
			object := instances[class]
			if object == "" {
				continue
			}
			v.Methods = append(v.Methods, method)
			name, letters = object+"."+method, "o"
		}
		switch {
		case name == "hud.sleep", name == "hud.timeout", !strings.HasPrefix(name, "hud.") && !strings.Contains(name, "."):
			continue
		case strings.HasPrefix(name, "hud.fs."), strings.HasPrefix(name, "hud.http."), strings.HasPrefix(name, "hud.env."):
			continue // not there without a capability
		}
		optional := false
		for _, p := range e.Params {
			if p.Optional && !optional {
				letters += "?"
				optional = true
			}
			letters += letter(p)
		}
		v.Functions = append(v.Functions, name+":"+letters)
	}
	if len(v.Functions) < 300 || len(v.Methods) < 50 || len(v.Fields) < 100 {
		t.Fatalf("got %d functions, %d methods, %d fields of options", len(v.Functions), len(v.Methods), len(v.Fields))
	}
	slices.Sort(v.Functions)
	return v
}

func types(e stdlib.Entry) []string {
	out := make([]string, len(e.Params))
	for i, p := range e.Params {
		out[i] = p.Type
	}
	return out
}

// letter is luagen's of a parameter.
func letter(p stdlib.Param) string {
	has := func(text string) bool { return strings.Contains(p.Type, text) }
	switch {
	case strings.HasPrefix(p.Type, "fun"):
		return "f"
	case has("[]"):
		return "l"
	case has("tensor"):
		return "o"
	case has("table"), has("{"), has("Options"), has("hud."):
		return "t"
	case has("integer"):
		return "i"
	case has("number"):
		return "n"
	case has("string"):
		return "s"
	}
	return "a"
}

// Programs made of every function of every module end soon, with a result or an
// error of the script, and leave the Runtime usable.
func FuzzModules(f *testing.F) {
	for i := range 64 {
		data := make([]byte, 150)
		for j := range data {
			data[j] = byte((j*j*11 + i*37 + j*i*5) >> (i % 3))
		}
		f.Add(data)
	}
	words := moduleWords(f)
	const patience = 10 * time.Second
	cfg := bindings.Default(nil)
	var bugs []error
	cfg.Modules = append(cfg.Modules, runtimetest.HostBugs(&bugs))
	cfg.Limits = runtime.Limits{Steps: 50_000, WallTime: 500 * time.Millisecond, CallDepth: 200, Coroutines: 20, Tasks: 20,
		StringBytes: 1 << 16, TableSize: 1 << 20, TensorBytes: 4 << 20, HeapBytes: 1 << 30}
	clean, err := runtime.Compile("clean.lua", `local s = 0 for i = 1, 100 do s = s + i end return s, ("x"):rep(3)`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4000 {
			return
		}
		src := luagen.Program(testkit.NewBytes(data), words)
		defer func() {
			if t.Failed() {
				t.Log(src)
			}
		}()
		chunk, err := runtime.Compile("program.lua", src)
		if err != nil {
			if errors.Is(err, runtime.ErrSize) || strings.Contains(err.Error(), "nests deeper than") {
				return // the generator knows neither bound
			}
			t.Fatal(err)
		}
		rt, err := runtime.New(cfg)
		for end := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
			rt, err = runtime.New(cfg) // the machine was busy
		}
		if err != nil {
			t.Fatal(err)
		}
		hung := time.AfterFunc(3*patience, func() {
			debug.SetTraceback("all")
			panic("the script does not end")
		})
		defer hung.Stop()
		bugs = nil
		start := time.Now()
		_, err = rt.Run(context.Background(), chunk)
		if spent := time.Since(start); spent > cfg.Limits.WallTime+patience {
			t.Errorf("took %v, allowed are %v", spent, cfg.Limits.WallTime)
		}
		var e *runtime.Error
		var exit *runtime.ExitError
		if errors.Is(err, runtime.ErrHostBug) || err != nil && !errors.As(err, &e) && !errors.As(err, &exit) {
			t.Errorf("got %v", err)
			if e != nil {
				t.Log(e.Traceback)
			}
		}
		for _, bug := range bugs {
			t.Errorf("caught: %v", bug)
		}
		out, err := rt.Run(context.Background(), clean)
		for end := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
			out, err = rt.Run(context.Background(), clean)
		}
		if err != nil || fmt.Sprint(out) != "[5050 xxx]" {
			t.Errorf("a clean script afterwards: got %v, %v", out, err)
		}
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
