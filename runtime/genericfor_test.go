package runtime_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// What a loop iterates over may be reached in any way: the manual, section
// 2.4.5, evaluates it like the right side of a local.
func TestGenericFor(t *testing.T) {
	t.Parallel()
	const lib = `
		local function each(...) return ipairs{ ... } end
		local obj = { each = function(_, ...) return each(...) end }
		local function f() return { each = each, obj = obj, t = { 4, 5 } } end
		local s = ""
		`
	for loop, want := range map[string]string{
		"for i, v in f().each(7, 8) do s = s .. i .. v .. ' ' end":                                "17 28 ",
		"for i, v in (f()).each(7) do s = s .. i .. v end":                                        "17",
		"for i, v in f()['each'](7) do s = s .. i .. v end":                                       "17",
		"for i, v in f().obj:each(7, 8) do s = s .. i .. v .. ' ' end":                            "17 28 ",
		"for k, v in next, f().t do s = s .. k .. v .. ' ' end":                                   "14 25 ",
		"local d = { a = { t = { 4 } } } for k, v in next, d.a.t do s = s .. k .. v end":          "14",
		"for k, v in next, true and f().t do s = s .. k .. v .. ' ' end":                          "14 25 ",
		"for k, v in next, f().obj and { 6 } do s = s .. k .. v end":                              "16",
		"for i, v in ipairs(f().t) do s = s .. i .. v .. ' ' end":                                 "14 25 ",
		"for i, v in ({ each = each }).each(7) do s = s .. i .. v end":                            "17",
		"for i in f().each(1, 2) do for k in f().each(1, 2, 3) do s = s .. i .. k .. ' ' end end": "11 12 13 21 22 23 ",
		"for i in f().each(1, 2, 3) do if i == 2 then break end s = s .. i end":                   "1",
		"for i in f().each(1, 2, 3) do if i == 2 then goto on end s = s .. i ::on:: end":          "13",
	} {
		rt, err := runtime.New(runtime.Config{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := rt.Eval(context.Background(), lib+loop+" return s")
		if err != nil || fmt.Sprint(out) != "["+want+"]" {
			t.Errorf("%s: got %v, %v, want %q", loop, out, err, want)
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}
}
