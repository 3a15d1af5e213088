package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestTestCommand(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "sums.lua", "return function(a, b) return a + b end\n")
	write(t, p.dir, "sums_test.lua", `local sums, test = require "sums", require "hud.test"
test.describe("sums", function()
  test.it("adds", function() test.equal(sums(1, 2), 3) end)
  test.it("fails", function() print("seen") test.near(sums(1, 2), 4, 0.5) end)
end)
function test_golden() test.golden("report.txt", "one\ntwo\n") end
`)
	p.run(t, "test").want(t, 5, []string{
		"FAIL sums_test.lua: sums > fails\n  seen\n  error: sums_test.lua:4: near: got 3, want 4\n    4 | test.it(\"fails\"",
		"FAIL sums_test.lua: test_golden\n  error: sums_test.lua:6: golden: there is no report.txt yet",
		"hint: hudrl test --update writes it",
		"1 passed, 2 failed in ",
	}, nil)
	p.run(t, "test", "--update", "--match", "golden").want(t, 0, []string{"1 passed, 0 failed"}, nil)
	if text, err := os.ReadFile(filepath.Join(p.dir, "testdata", "report.txt")); string(text) != "one\ntwo\n" {
		t.Errorf("got %q, %v", text, err)
	}
	p.run(t, "test", "-v", "--match", "golden", "sums_test.lua").want(t, 0, []string{"ok   sums_test.lua: test_golden ("}, nil)

	var results []struct {
		Name string
		OK   bool
		Line int
	}
	r := p.run(t, "test", "--json", "--match", "sums >")
	if err := json.Unmarshal([]byte(r.out), &results); err != nil || r.code != 5 || len(results) != 2 || !results[0].OK || results[1].OK || results[1].Line != 4 {
		t.Errorf("got exit %d, %+v, %v", r.code, results, err)
	}

	p.run(t, "test", "--match", "nothing").want(t, 5, nil, []string{`no test ran: no test whose name contains "nothing" in .`})
	empty := program{dir: t.TempDir()}
	write(t, empty.dir, "x.lua", "print(1)")
	empty.run(t, "test").want(t, 5, nil, []string{"no test ran: no files called *_test.lua in ."})
	write(t, empty.dir, "broken_test.lua", "local x = (")
	write(t, empty.dir, "raises_test.lua", "error('early')")
	empty.run(t, "test").want(t, 5, []string{"FAIL broken_test.lua: the file does not run", "the text ends too early",
		"FAIL raises_test.lua: the file does not run", "early", "0 passed, 2 failed"}, nil)
	write(t, empty.dir, "broken_test.lua", "return { function() end }")
	write(t, empty.dir, "raises_test.lua", "print('nothing')")
	empty.run(t, "test").want(t, 5, []string{"FAIL broken_test.lua: the file does not run\n  error: the file returns a function at [1], without a name",
		"FAIL raises_test.lua: the file does not run\n  error: the file has no test\n  hint: describe one", "0 passed, 2 failed"}, nil)
	empty.run(t, "test", "missing_test.lua").want(t, 2, nil, []string{"cannot read missing_test.lua"})
}

// Each file trains models of its own, and one that hangs is stopped.
func TestTestCommandTrains(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	const src = `local hud, test = require "hud", require "hud.test"
function test_fork() test.equal(hud.models.fork("hudrl/nano", "mine").name, "mine") end
function test_hangs() while true do end end
`
	write(t, p.dir, "a_test.lua", src)
	write(t, p.dir, "b_test.lua", src)
	p.run(t, "test", "--timeout", "2s").want(t, 5, []string{
		"FAIL a_test.lua: test_hangs", "FAIL b_test.lua: test_hangs\n  error: b_test.lua:3: time limit: used 2s of 2s", "2 passed, 2 failed"}, nil)
	p.run(t, "test", "--data", "keep", "--match", "fork").want(t, 0, []string{"2 passed"}, nil)
	p.run(t, "models", "list", "--data", "keep").want(t, 0, []string{"mine"}, nil)
}
