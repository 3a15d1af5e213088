package json_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	bindjson "github.com/hudrl/hudrl/bindings/json"
	"github.com/hudrl/hudrl/runtime"
)

func newVM(t testing.TB, limits runtime.Limits) *runtime.Runtime {
	t.Helper()
	rt, err := runtime.New(runtime.Config{
		Modules: []runtime.Module{{Name: "hud.json", Open: bindjson.Open}},
		Limits:  limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

// call runs Lua code with json in scope.
func call(t testing.TB, rt *runtime.Runtime, code string, args ...any) ([]any, error) {
	t.Helper()
	chunk, err := runtime.Compile("test", "local json = require 'hud.json' "+code)
	if err != nil {
		t.Fatal(err)
	}
	return rt.Run(context.Background(), chunk, args...)
}

func TestEncode(t *testing.T) {
	t.Parallel()
	deep := "(function() local t = {} for _ = 1, 201 do t = {t} end return t end)()"
	cases := []struct{ value, want, err string }{
		{value: `nil`, want: `null`},
		{value: `json.null`, want: `null`},
		{value: `true`, want: `true`},
		{value: `3`, want: `3`},
		{value: `-0.5`, want: `-0.5`},
		{value: `1e-7`, want: `1e-07`},
		{value: `2^53`, want: `9.007199254740992e+15`},
		{value: `2^53 - 1`, want: `9007199254740991`},
		{value: `-1/(1/0)`, want: `-0`},
		{value: `0.1`, want: `0.1`},
		{value: `"a\"b\\c\n\t\r\1é/"`, want: `"a\"b\\c\n\t\r\u0001é/"`},
		{value: `{}`, want: `{}`},
		{value: `json.list{}`, want: `[]`},
		{value: `{1, {2}, "x"}`, want: `[1,[2],"x"]`},
		{value: `{b = 1, a = {true, json.null}}`, want: `{"b":1,"a":[true,null]}`},
		{value: `{[1] = "a", [2] = "b"}`, want: `["a","b"]`},
		{value: `{1, {a = 2}}, {indent = 2}`, want: "[\n  1,\n  {\n    \"a\": 2\n  }\n]"},
		{value: `{}, {indent = 2}`, want: `{}`},
		{value: `0/0`, err: "encode: value: got NaN, want a finite number"},
		{value: `{rewards = {1, 1/0}}`, err: "encode: value.rewards[2]: got +Inf, want a finite number"},
		{value: `print`, err: "encode: value: got function, want nil, a boolean, a number, a string or a table"},
		{value: `{f = coroutine.create(function() end)}`, err: "encode: value.f: got thread"},
		{value: `{1, x = 2}`, err: "encode: value: got a table with the positions 1 to 1 and the key \"x\", want one or the other"},
		{value: `{[1.5] = 2}`, err: "encode: value: got the key 1.5, want a string, or positions from 1"},
		{value: `{[true] = 2}`, err: "encode: value: got the key of type boolean"},
		{value: `(function() local t = {1, 2, 3} t[2] = nil return t end)()`, err: "encode: value: got a list with 2 of 3 positions filled"},
		{value: `"\255"`, err: "encode: value: got a string whose byte 1 is not UTF-8, want text"},
		{value: deep, err: "encode: value: nested deeper than 200 tables (does it contain itself?)"},
		{value: `(function() local t = {} t.t = t return t end)()`, err: "nested deeper than 200"},
		{value: `1, {indent = 17}`, err: "encode: indent: got 17, want 0 to 16"},
		{value: `1, {ident = 2}`, err: `encode: unknown option "ident" (did you mean "indent"?)`},
		{value: `("x"):rep(5000)`, err: "string size"},
	}
	for _, c := range cases {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			rt := newVM(t, runtime.Limits{StringBytes: 4096})
			if strings.HasPrefix(c.value, `("x")`) {
				rt = newVM(t, runtime.Limits{StringBytes: 5001})
			}
			out, err := call(t, rt, "return json.encode("+c.value+")")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%s: got %v, %v, want an error with %q", c.value, out, err, c.err)
				}
				return
			}
			if err != nil || out[0] != c.want {
				t.Fatalf("%s: got %q, %v, want %q", c.value, out, err, c.want)
			}
			if !json.Valid([]byte(c.want)) { // the standard library agrees that it is JSON
				t.Errorf("%s: %q is no JSON", c.value, c.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	cases := []struct{ text, show, want, err string }{
		{text: ` {"a": [1, 2.5e3, -0.1], "b": null} `, show: `v.a[2], v.b == json.null, #v.a`, want: "2500 true 3"},
		{text: `"\u00e9\ud83d\ude00\n\/"`, show: `v`, want: "é😀\n/"},
		{text: `9007199254740992`, show: `v == 2^53`, want: "true"},
		{text: `1e400`, err: "decode: line 1, column 1: got 1e400, which no number holds"},
		{text: `9007199254740993`, err: "cannot hold exactly"},
		{text: `[1, 12345678901234567890]`, err: "decode: line 1, column 5: got 12345678901234567890, which a number cannot hold exactly, want at most 2^53 or a string"},
		{text: ``, err: "decode: line 1, column 1: got the end, want a value"},
		{text: "[1,\n 2,]", err: "decode: line 2, column 4: got ']', want a value"},
		{text: `[1 2]`, err: "got '2' in a list, want , or ]"},
		{text: `{"a":1,}`, err: "got '}', want a name in double quotes"},
		{text: `{"a" 1}`, err: "got '1' after a name, want :"},
		{text: `{"a":1 "b":2}`, err: "got '\"' in an object, want , or }"},
		{text: `{"a":1,"a":2}`, err: `decode: line 1, column 8: got the name "a" twice`},
		{text: `{a:1}`, err: "want a name in double quotes"},
		{text: `01`, err: "got a number that starts with 0"},
		{text: `1.`, err: "got the end in a number, want a digit"},
		{text: `-`, err: "got the end in a number, want a digit"},
		{text: `1e`, err: "got the end in a number, want a digit"},
		{text: `+1`, err: "got '+', want a value"},
		{text: `NaN`, err: "got 'N', want a value"},
		{text: `nul`, err: "got 'n', want a value"},
		{text: `1 2`, err: "got '2' after the value, want the end"},
		{text: "\"a\tb\"", err: `got the control character '\t' in a string`},
		{text: `"abc`, err: `got the end in a string, want "`},
		{text: `"\x41"`, err: "got the escape"},
		{text: `"\u12"`, err: "four hexadecimal digits"},
		{text: `"\ud800"`, err: "half of a surrogate pair"},
		{text: "\"\xff\"", err: "not UTF-8"},
		{text: strings.Repeat("[", 201), err: "nested deeper than 200"},
		{text: strings.Repeat("[", 200) + strings.Repeat("]", 200), show: `#v`, want: "1"},
		{text: "[1,2,3,4,5]", err: "got a list of more than 4 values, the limit of one table"},
	}
	for _, c := range cases {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			rt := newVM(t, runtime.Limits{TableSize: 4})
			if c.show == "" {
				c.show = "v"
			}
			out, err := call(t, rt, "local v = json.decode(...) return "+c.show, c.text)
			if c.err != "" {
				var script *runtime.Error
				if err == nil || !strings.Contains(err.Error(), c.err) || !errors.As(err, &script) || script.Code != runtime.CodeValidation {
					t.Fatalf("%s: got %v, %v, want a validation error with %q", c.text, out, err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSuffix(fmt.Sprintln(out...), "\n"); got != c.want {
				t.Errorf("%s: got %q, want %q", c.text, got, c.want)
			}
		})
	}
}

// What decode reads, encode writes back, and the other way round.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Limits{})
	for _, text := range []string{
		`[]`, `{}`, `[[],{},null,[[]]]`, `{"a":{"b":[]},"c":"","d":[null]}`, `[0.1,1e-300,-5e+200,123456789012]`, `{"":1}`,
		fmt.Sprintf(`[%v]`, math.Nextafter(1, 2)),
	} {
		out, err := call(t, rt, "return json.encode(json.decode(...))", text)
		if err != nil || out[0] != text {
			t.Errorf("got %v, %v, want %s", out, err, text)
		}
	}
}

func TestDecodeStops(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Limits{})
	chunk, err := runtime.Compile("test", "return require('hud.json').decode(...)")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rt.Run(ctx, chunk, "["+strings.Repeat("0,", 1e6)+"0]"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
}

// Every text either decodes, and then encodes to JSON that decodes to the
// same, or is refused; the standard library accepts at least what we accept.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `"\ud83d\ude00"`, `[1e5,-0]`, `{"a":1,"a":2}`, "\"\xff\""} {
		f.Add(seed)
	}
	rt := newVM(f, runtime.Limits{})
	chunk, err := runtime.Compile("fuzz", `
		local json = require 'hud.json'
		local ok, v = pcall(json.decode, ...)
		if not ok then return false, v.code end
		local once = json.encode(v)
		return true, once, json.encode(json.decode(once))`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := rt.Run(context.Background(), chunk, text)
		if err != nil {
			t.Fatal(err)
		}
		if out[0] == false {
			if out[1] != runtime.CodeValidation {
				t.Fatalf("got code %v, want validation", out[1])
			}
			return
		}
		if !json.Valid([]byte(text)) || !json.Valid([]byte(out[1].(string))) {
			t.Fatalf("accepted %q as %q, which is no JSON", text, out[1])
		}
		if out[1] != out[2] {
			t.Fatalf("got %q, then %q", out[1], out[2])
		}
	})
}
