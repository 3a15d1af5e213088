package runtime_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/testkit/luagen"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
)

// signatures says what every function of the standard libraries takes, in the
// letters of luagen; those of one argument or none that may be anything are left
// out.
var signatures = map[string]string{
	"assert": "?aa", "error": "?ai", "getmetatable": "a", "ipairs": "l", "load": "s?s", "loadstring": "s?s", "next": "t?a", "pairs": "t",
	"pcall": "f?aa", "print": "?aaa", "rawequal": "aa", "rawget": "ta", "rawset": "taa", "require": "s", "select": "i?aaa",
	"setmetatable": "tt", "tonumber": "s?i", "tostring": "a", "type": "a", "unpack": "l?nn", "xpcall": "ff?a",
	"coroutine.create": "f", "coroutine.resume": "a?aa", "coroutine.running": "", "coroutine.status": "a", "coroutine.wrap": "f", "coroutine.yield": "?aa",
	"string.byte": "s?nn", "string.char": "?iii", "string.find": "ss?na", "string.format": "s?aaa", "string.gmatch": "ss", "string.gsub": "ssf?n",
	"string.len": "s", "string.lower": "s", "string.match": "ss?n", "string.rep": "sn", "string.reverse": "s", "string.sub": "sn?n", "string.upper": "s",
	"table.concat": "l?snn", "table.getn": "l", "table.insert": "l?na", "table.maxn": "l", "table.remove": "l?n", "table.sort": "l?f",
	"math.abs": "n", "math.acos": "n", "math.asin": "n", "math.atan": "n", "math.atan2": "nn", "math.ceil": "n", "math.cos": "n", "math.cosh": "n",
	"math.deg": "n", "math.exp": "n", "math.floor": "n", "math.fmod": "nn", "math.frexp": "n", "math.ldexp": "nn", "math.log": "n", "math.log10": "n",
	"math.max": "n?nn", "math.min": "n?nn", "math.mod": "nn", "math.modf": "n", "math.pow": "nn", "math.rad": "n", "math.random": "?nn",
	"math.randomseed": "n", "math.sin": "n", "math.sinh": "n", "math.sqrt": "n", "math.tan": "n", "math.tanh": "n",
	"os.clock": "", "os.date": "?sn", "os.difftime": "nn", "os.exit": "i", "os.time": "?t",
	"hud.spawn": "f?aa", "hud.gather": "l", "hud.map": "lf?t", "hud.timeout": "if?a", "hud.now": "",
	"hud.sleep": "", "(function() hud.sleep(0) end)": "", "(function(f, ...) hud.gather{f, f} return hud.map({...}, f) end)": "f?aa",
}

// vocabulary is every function of the standard libraries, and of tasks.
func vocabulary(t testing.TB) luagen.Vocabulary {
	v := luagen.Vocabulary{
		Prelude: runtimetest.ReportingPcall + "local hud = require \"tasks\"\n",
		Fields:  []string{"concurrency", "message", "code", "year", "month", "day"},
		Objects: []string{"hud.spawn(d)", "hud.spawn(error)", "select(2, pcall(string.rep))", "coroutine.running()", "coroutine.create(d)"},
		Methods: []string{"wait", "cancel", "wrap", "nothing"},
	}
	known := 0
	for lib, names := range runtime.Names() {
		for _, name := range names {
			if lib != "_G" {
				name = lib + "." + name
			}
			switch name {
			case "_G", "arg", "_VERSION", "math.pi", "math.huge":
				continue
			}
			if _, ok := signatures[name]; !ok {
				t.Fatalf("say in signatures what %s takes", name)
			}
			known++
		}
	}
	for name, types := range signatures {
		v.Functions = append(v.Functions, name+":"+types)
	}
	if more := len(signatures) - known; more != 8 {
		t.Fatalf("%d signatures are of no function of the standard libraries, want those of tasks", more)
	}
	slices.SortFunc(v.Functions, strings.Compare)
	return v
}
