package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

type hostRecord struct {
	A     int
	Items []string
	Inner *hostRecord
	Named float32 `luar:"weight"`
}

// An echo is a Go function that gives back what it takes; takes says whether it
// must take a Lua number, string or boolean.
type echo struct {
	name  string
	fn    any
	takes func(v lua.LValue) bool
	loose bool // what comes back may differ: rounded, or with fields that were left out
}

func takesWhole(lo, hi float64) func(lua.LValue) bool {
	return func(v lua.LValue) bool {
		n, ok := v.(lua.LNumber)
		f := float64(n)
		return ok && f == math.Floor(f) && f >= lo && f <= hi
	}
}

func takesType(t lua.LValueType) func(lua.LValue) bool {
	return func(v lua.LValue) bool { return v.Type() == t }
}

func takesNothing(lua.LValue) bool { return false }

func same1[T any](v T) T { return v }

var echoes = []echo{
	{"int8", same1[int8], takesWhole(-128, 127), false},
	{"uint16", same1[uint16], takesWhole(0, 65535), false},
	{"int32", same1[hostInt32], takesWhole(math.MinInt32, math.MaxInt32), false},
	{"int64", same1[int64], takesWhole(-1<<53, 1<<53), false},
	{"uint64", same1[uint64], takesWhole(0, 1<<53), false},
	{"float32", same1[float32], takesNothing, true},
	{"float64", same1[float64], takesType(lua.LTNumber), false},
	{"string", same1[hostString], takesType(lua.LTString), false},
	{"bytes", same1[[]byte], takesType(lua.LTString), true},
	{"bool", same1[bool], takesType(lua.LTBool), false},
	{"any", same1[any], func(v lua.LValue) bool { return v.Type() <= lua.LTString }, false},
	{"list", same1[[]any], takesNothing, false},
	{"numbers", same1[[]float64], takesNothing, false},
	{"lists", same1[[][]string], takesNothing, false},
	{"pair", same1[[2]any], takesNothing, false},
	{"map", same1[map[string]any], takesNothing, false},
	{"numbered", same1[map[int]any], takesNothing, false},
	{"keyed", same1[map[any]any], takesNothing, false},
	{"record", same1[hostRecord], takesNothing, true},
	{"thing", same1[*hostThing], takesNothing, false},
	{"error", func(e error) []error { return []error{e} }, takesNothing, true},
	{"value", same1[lua.LValue], func(lua.LValue) bool { return true }, true},
	{"variadic", func(n ...uint8) []uint8 { return n }, takesNothing, true},
	{"interface", same1[fmt.Stringer], takesNothing, false},
}

type hostInt32 int32

// checkEcho gives one of echoes what was made: it must refuse it with an error
// for the script, or give it back unchanged.
func checkEcho(t *testing.T, rt *runtime.Runtime, chunk *runtime.Chunk, e echo, m *returning) {
	t.Helper()
	making = m
	out, err := rt.Run(context.Background(), chunk, e.name)
	if errors.Is(err, runtime.ErrHostBug) {
		t.Fatalf("%s: %v", e.name, err)
	}
	want, ok := back(going)
	m.bad = m.bad || m.hollow > 0 // a nil in Go, and so not there in its tables
	if err != nil || len(out) < 3 {
		if ok && !m.bad && m.fns == 0 { // else it is the value that cannot come out
			t.Errorf("%s: got %v, %v", e.name, out, err)
		}
		return
	}
	took, result := out[0] == true, out[1]
	switch {
	case !took:
		var failure *runtime.Error
		e2, isError := result.(error)
		if !isError || errors.Is(e2, runtime.ErrHostBug) || errors.As(e2, &failure) {
			t.Errorf("%s: raised %T %v", e.name, result, result)
		} else if e.takes(madeLast) {
			t.Errorf("%s: refused %v: %v", e.name, madeLast, e2)
		}
	case m.bad || m.fns > 0 || e.loose || !ok:
		if f, isNumber := result.(float64); isNumber && math.IsInf(f, 0) && !equalData(result, want) {
			t.Errorf("%s: got %v, want %v", e.name, result, want)
		}
	case !equalData(result, want) && !(want == nil && emptied(result)) && !shrinks(want):
		t.Errorf("%s: got %#v, want %#v", e.name, result, want)
	}
}

// emptied reports whether a nil came back as a list or map of nothing.
func emptied(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) == 0
}

// equalData is reflect.DeepEqual that takes a NaN for itself.
func equalData(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || a != a && b != b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalData(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if _, there := b[k]; !there || !equalData(a[k], b[k]) {
				return false
			}
		}
		return true
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && (a == nil || reflect.TypeOf(a).Comparable() && a == b)
}

// callable reports whether a function is in data.
func callable(v any) bool {
	switch v := v.(type) {
	case *runtime.Func:
		return true
	case []any:
		return slices.ContainsFunc(v, callable)
	case map[string]any:
		for _, e := range v {
			if callable(e) {
				return true
			}
		}
	}
	return false
}
