package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// patternScript gives what find, match, gmatch and gsub make of a pattern, each
// as a list of texts; that of an error begins with "error".
const patternScript = `
	local s, p, init = ...
	local function pack(ok, ...)
		if not ok then return {"error", tostring((...))} end
		local t = {}
		for i = 1, select("#", ...) do
			local v = select(i, ...)
			t[i] = type(v) .. ":" .. tostring(v)
		end
		return t
	end
	local all = {}
	local more = pack(pcall(function()
		for a, b, c, d in s:gmatch(p) do
			local t = pack(true, a, b, c, d)
			while t[#t] == "nil:nil" do t[#t] = nil end
			all[#all + 1] = t
			if #all == 20 then break end
		end
	end))
	return pack(pcall(string.find, s, p, init)), pack(pcall(string.match, s, p, init)), more, all, pack(pcall(string.gsub, s, p, "<%0>"))`

// refResults are the same, by the plain matcher; ok is false when it is no
// judge: the pattern is malformed, or takes it too long.
func refResults(s, p string, init int) (out []any, ok bool) {
	defer func() {
		if _, long := recover().(refSteps); long {
			out, ok = nil, false
		}
	}()
	anchored, err := refParse(p, true)
	if err != nil {
		return nil, false
	}
	plain, _ := refParse(p, false)
	if strings.HasPrefix(p, "^") && plain == nil {
		return nil, false
	}
	try := func(f func() []any) (out []any) {
		defer func() {
			if e := recover(); e != nil {
				if _, ok := e.(refError); !ok {
					panic(e)
				}
				out = []any{"error"}
			}
		}()
		anchored.steps, plain.steps = 100_000, 100_000
		return f()
	}
	if init > 0 {
		init--
	} else if init < 0 {
		init = max(len(s)+init, 0)
	}
	init = min(init, len(s))
	texts := func(list []string) []any {
		out := make([]any, len(list))
		for i, t := range list {
			out[i] = t
		}
		return out
	}
	find := func(whole bool) func() []any {
		return func() []any {
			if !whole && !strings.ContainsAny(p, "^$*+?.([%-") {
				i := strings.Index(s[init:], p)
				if i < 0 {
					return []any{"nil:nil"}
				}
				return []any{fmt.Sprintf("number:%d", init+i+1), fmt.Sprintf("number:%d", init+i+len(p))}
			}
			start, end, caps, ok := anchored.find(s, init)
			if !ok {
				return []any{"nil:nil"}
			}
			shown := texts(anchored.show(s, start, end, caps, whole))
			if whole {
				return shown
			}
			return append([]any{fmt.Sprintf("number:%d", start+1), fmt.Sprintf("number:%d", end)}, shown...)
		}
	}
	all := []any{}
	more := try(func() []any {
		for _, m := range plain.gmatch(s, 20) {
			all = append(all, texts(m[:min(len(m), 4)]))
		}
		return []any{}
	})
	return []any{try(find(false)), try(find(true)), more, all, try(func() []any {
		text, n := anchored.gsub(s)
		return []any{"string:" + text, fmt.Sprintf("number:%d", n)}
	})}, true
}

// Patterns never panic, stop at their budget, and find what a plain matcher
// finds: find, match, gmatch and gsub, with their captures and their errors.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"hello world", "(%w+) (%w+)"}, {"f(a(b))", "%b()"}, {"THE (quick) fox", "%f[%a]%a+"}, {"aaa", "a-$"},
		{"x", "[^%a-z]"}, {"key=val", "^(.-)=(.*)$"}, {"", "()"}, {"]", "[]]"}, {"a", "[a-]"}, {"ab", "(a)%1?"},
		{"abcabc", "((a)(b)c)%1"}, {"a\x00b", "%z"}, {"a.b-c", "[%.%-]"}, {"-]a^", "[]^-]+"}, {"a^b", "a^b"}, {"aXb", "%u?%l*"},
		{strings.Repeat("a", 30), strings.Repeat("a?", 15) + strings.Repeat("a", 15)}, {"x", "("}, {"x", ")"}, {"x", "%"},
		{"x", "[%"}, {"x", "%b("}, {"x", "%f"}, {"x", "%1"}, {"x", "()%1"}, {"x", strings.Repeat("()", 33)}, {"$", "$$"}, {"(", "%(*"},
	} {
		f.Add(seed[0], seed[1], int8(1))
		f.Add(seed[0], seed[1], int8(-2))
	}
	chunk, err := runtime.Compile("pattern.lua", patternScript)
	if err != nil {
		f.Fatal(err)
	}
	rt := open(f, runtime.Config{Limits: runtime.Limits{Steps: 100_000, WallTime: 5 * time.Second}})
	f.Fuzz(func(t *testing.T, s, p string, init int8) {
		if len(s) > 2000 || len(p) > 2000 {
			return
		}
		start := time.Now()
		got, err := rt.Run(context.Background(), chunk, s, p, int(init))
		if spent := time.Since(start); spent > 4*time.Second {
			t.Errorf("took %v", spent)
		}
		if errors.Is(err, runtime.ErrSteps) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want, ok := refResults(s, p, int(init))
		if !ok {
			return
		}
		for i, what := range []string{"find", "match", "gmatch", "gmatch", "gsub"} {
			if i == 3 && len(got[2].([]any)) > 0 {
				continue // an error in the middle of gmatch, which both have met
			}
			comparePattern(t, what, p, got[i].([]any), want[i].([]any))
		}
	})
}

func comparePattern(t *testing.T, what, p string, got, want []any) {
	isError := func(r []any) bool { return len(r) > 0 && r[0] == "error" }
	switch {
	case isError(got) && strings.Contains(fmt.Sprint(got...), "too complex") && len(p) > 200:
	case isError(got) && isError(want):
	case isError(got) != isError(want) || !slices.EqualFunc(got, want, func(a, b any) bool { return fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b) }):
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
