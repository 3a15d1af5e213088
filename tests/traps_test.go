package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A trap is a way in which gopher-lua, gopher-luar or liner has hurt somebody who
// embedded it, or a script can hurt its host. Each is shown here not to work any
// more: by scripts of testdata/hostile, or tests of the package named.
type trap struct {
	what, defence string
	scripts       string
	tests         string // "directory Name", …
}

// gopher-lua v1.1.2 and gopher-luar v1.0.11 have all of these, liner v1.2.3 those
// from 40 on.
var traps = map[int]trap{
	// resources
	1: {"string.rep and doubling exhaust memory", "sizes are checked before anything is built; a heap limit", "string_rep string_doubling string_chain string_concat string_gsub string_format memory_strings", "tests TestLimitsHoldEverywhere, tests TestHeapLimitHoldsEverywhere"},
	2: {"t[5e7] = 1 fills the gap before it", "stores of computed keys, rawset and insert check how far an index lies beyond the length", "table_sparse_store table_sparse_constant table_sparse_literal table_sparse_newindex table_sparse_rawset table_sparse_swap table_insert_far", "runtime TestLimitErrors"},
	3: {"table.concat and unpack overflow the registry", "own functions, a registry that grows to 262,144 values, and an error of its own beyond", "table_concat_many table_unpack_millions table_unpack_twice table_unpack_literal recursion_values", "tests TestLimitsHoldEverywhere"},
	4: {"a registry that grows by 32 values is quadratic", "it grows by 1,024, and room for many is made at once", "table_concat_many string_char_unpack coroutine_resume_many", ""},
	5: {"nested source overflows the parser, constants are quadratic", "size, nesting, operators, constants, names, jumps are bounded before the compiler runs", "source_braces source_constants source_deep_scopes source_long_if source_too_long source_many_kinds recursion_loadstring", "runtime TestHostileSource, runtime TestSourceThatIsSlowToCompileIsRefused"},
	6: {"nested coroutines exhaust the stack, each takes 107 KB", "150 nested threads, 4,096 live coroutines of 17 KB, forgotten ones are collected", "coroutine_nested coroutine_nested_metamethods coroutine_live coroutine_forgotten memory_coroutines", "runtime TestForgottenCoroutinesDoNotCount"},
	7: {"patterns backtrack without end", "an own matcher whose steps are paid for", "pattern_optional pattern_stars pattern_lazy pattern_lazy_quadratic pattern_long_set pattern_nesting", "runtime TestStepBudget"},
	8: {"string.format pads without end", "widths and precisions of two digits, as in C", "number_format string_format_strict", ""},
	9: {"calls overflow at 250", "2,000 calls by default, Limits.CallDepth", "recursion_plain recursion_small_limit recursion_mutual recursion_sort recursion_gsub", "runtime TestLimitErrors"},
	// stopping
	10: {"a context reaches no library function", "what works long looks at the task's context; what waits takes it; no channels", "string_gsub_spin table_sort_spin tensor_matmul_spin tensor_matmul_large tensor_matmul_backward json_decode_many number_format_numerals number_numeral_arithmetic", "runtime TestDeadlineStopsEverything"},
	11: {"a context costs a quarter", "measured, with all protections", "", "runtime BenchmarkProtections"},
	12: {"a coroutine made before the context is never stopped", "each resume points it at the context and budget of its task", "coroutine_spin", "runtime TestStepBudget, runtime TestCoroutineOutlivesItsCall"},
	13: {"a stopped state stays stopped", "each call has a context of its own", "", "tests TestHostile, tests TestHostOutlivesAllScripts, runtime TestBudgetsArePerCall"},
	14: {"pcall could swallow a stop", "the next instruction raises it again", "task_cancel_cannot_be_caught memory_caught exit_in_pcall", "runtime TestStepBudget, tests TestLimitsHoldEverywhere"},
	15: {"a yield across pcall, a metamethod or sort corrupts", "refused with what to do in its place", "coroutine_yield_everywhere coroutine_yield_pcall coroutine_yield_main error_handler_yields", "runtime TestCoroutines"},
	16: {"a failed wrap says that it is running, without a traceback", "own wrap and resume, which keep the traceback", "coroutine_dead error_coroutine_uncaught", "runtime TestErrorPositions, runtime TestCoroutines"},
	17: {"a state is not safe for goroutines", "one lock; a second entrant gets ErrBusy", "coroutine_across_tasks task_coroutine_shared", "runtime TestHammer, runtime TestSecondEntrant"},
	18: {"levels and nil panic, panics have no Lua line", "every host function is guarded; positions are ours", "error_levels error_nil error_nothing", "runtime TestHostBugs"},
	// surprises
	19: {"math.randomseed does nothing", "a stream per task from the host's seed", "number_random_extremes", "runtime TestRandomStreams, runtime TestRandomStreamsGoOn"},
	20: {"math.random(0) panics", "the bounds are checked", "number_random_ranges", ""},
	21: {`tonumber "1e-4" is nil`, "own tonumber", "number_tonumber number_monsters", "runtime TestShortNumerals"},
	22: {"a long table literal loses items", "refused beyond 25,550", "table_literal_long", "runtime TestHostileSource"},
	23: {"int64 is rounded beyond 2^53", "refused where it would not arrive", "", "runtime TestGuestValues, runtime TestValuesBothWays"},
	24: {"newer spellings are read as something else", "hints; escapes that 5.1 lacks are refused", "source_hints", "runtime TestSyntaxHints"},
	25: {"string.format prints %!d(MISSING)", "strict, as C", "string_format_strict number_format string_format_percents", ""},
	26: {"prints NaN, +Inf and 17 digits", "%.14g", "number_shown", ""},
	27: {"200 locals, error() without arguments, summer time", "errors that say so; dates are UTC", "source_locals error_nothing number_time", ""},
	28: {"pairs is in order of insertion: good", "kept", "table_pairs_order", ""},
	29: {"no hooks for a profiler", "the step counter samples", "", "runtime TestProfile, tests TestProfileNamesAndLines"},
	// gopher-luar
	30: {"numbers are narrowed silently", "refused", "", "runtime TestGuestValues"},
	31: {"exact arity", "own registrar with options", "", "bindings/luax TestUndeclaredOption"},
	32: {"slices are no tables", "plain data is copied", "", "runtime TestValuesBothWays, runtime TestSet"},
	33: {"errors are values, not raised", "raised, and found by errors.As", "", "runtime TestGoErrorsSurviveLua"},
	34: {"tables become map[any]any", "own conversion to maps of strings and lists", "", "runtime TestValuesBothWays"},
	35: {"every exported method is shown, unknown fields are nil", "a list of methods; unknown names are errors", "escape_luar escape_methods_on_strangers", "runtime TestSet, tests TestReachableValues"},
	36: {"nil maps, nil pointers and channels panic or block", "maps are copied; a panic is a host bug", "", "runtime TestHostBugs, runtime TestGuestValues"},
	37: {"a callback into Lua takes a thread", "VM.Call on the thread that there is", "", "runtime ExampleVM_Call"},
	38: {"a method call costs a microsecond", "ours do not go through it", "", "runtime BenchmarkScript"},
	39: {"an old gopher-lua is required", "ours is", "", "tests TestVersions"},
	// liner
	40: {"piped lines are split at 4,096 bytes", "own reader", "", "runtime/repl TestLines"},
	41: {"histories with long lines break", "own file, a line each", "", "runtime/repl TestHistory, runtime/repl TestHistoryLines"},
	42: {"coloured prompts are refused", "plain prompts", "", "runtime/repl TestPrompts"},
	43: {"a pasted tab completes", ":paste", "", "runtime/repl TestSession"},
	44: {"the terminal stays raw", "restored around every prompt", "", "tests TestTerminal"},
	45: {"Ctrl-C is a signal while a script runs", "it ends the script, the second the session", "", "runtime/repl TestInterruptKeepsTheSession, runtime/repl TestSecondInterruptLeaves"},
	46: {"long lines are drawn wrongly", "continuation lines by a trial parse", "", "runtime/repl TestPrompts, runtime TestIncomplete"},
	// holes of the sandbox: string's metatable, getfenv, newproxy, module, debug, io, os, collectgarbage, bytecode
	240: {"the libraries reach the host", "an allow-list; capabilities; a virtual os.exit; a frozen string metatable; text chunks only",
		"escape_names escape_files escape_string_metatable escape_tamper_globals escape_tamper_modules escape_metatables_are_hidden escape_capabilities string_upper_poison source_bytecode exit_codes exit_in_coroutine",
		"runtime TestSandboxHoles, runtime TestReachableGlobals, tests TestReachableValues, tests TestKeyIsNeverSeen"},
}

// Every trap has something that shows its defence, and that exists.
func TestTraps(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for number := 1; number <= 46; number++ {
		if traps[number].what == "" {
			t.Errorf("trap %d: nothing is said of it", number)
		}
	}
	for number, trap := range traps {
		if trap.defence == "" || trap.scripts+trap.tests == "" {
			t.Errorf("trap %d (%s): nothing shows a defence", number, trap.what)
		}
		for _, name := range strings.Fields(trap.scripts) {
			shown[name] = true
			if _, err := os.Stat(filepath.Join("testdata", "hostile", name+".lua")); err != nil {
				t.Errorf("trap %d: %v", number, err)
			}
		}
		for _, place := range strings.Split(trap.tests, ", ") {
			dir, name, _ := strings.Cut(place, " ")
			if place != "" && !testExists(t, dir, name) {
				t.Errorf("trap %d: %s has no %s", number, dir, name)
			}
		}
	}
	if len(shown) < 60 {
		t.Errorf("only %d scripts show a defence", len(shown))
	}
}

func testExists(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s: no tests: %v", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// Everything above was reproduced with these versions: others may have others.
func TestVersions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/yuin/gopher-lua v1.1.2", "layeh.com/gopher-luar v1.0.11", "github.com/peterh/liner v1.2"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("go.mod lacks %s", want)
		}
	}
}
