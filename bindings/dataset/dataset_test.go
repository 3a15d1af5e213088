package dataset_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// files are what the scripts find in their directory.
var files = map[string]string{
	"five.jsonl":     "{\"n\": 1}\n{\"n\": 2}\r\n\n{\"n\": 3}\n{\"n\": 4}\n{\"n\": 5}",
	"part-2.jsonl":   "{\"n\": 6}\n",
	"part-10.jsonl":  "{\"n\": 7}\n",
	"[odd].jsonl":    "{\"n\": 8}\n",
	"empty.jsonl":    "",
	"blank.jsonl":    "\n\n",
	"bad.jsonl":      "{\"n\": 1}\n\n{\"n\": }\n",
	"utf16.jsonl":    "\xff\xfe{\x00",
	"deep.jsonl":     strings.Repeat("[", 5000),
	"long.jsonl":     "{\"n\": 1}\n\"" + strings.Repeat("x", 70_000) + "\"\n",
	".env":           "HUD_API_KEY=secret",
	"dir/inner.json": "1",
	"dir/.env":       "HUD_API_KEY=secret",
}

func run(t *testing.T, config runtime.Config, code string) (string, error) {
	t.Helper()
	var out strings.Builder
	config.Stdout = &out
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("test", `local hud = require "hud"
		local function show(batches)
			local t = {}
			for batch, epoch in batches do
				local ns = {}
				for i, r in ipairs(batch) do ns[i] = type(r) == "table" and r.n or tostring(r) end
				t[#t + 1] = epoch .. ":" .. table.concat(ns, ",")
			end
			print(table.concat(t, " "))
		end `+code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Run(context.Background(), chunk)
	return out.String(), err
}

func TestDataset(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ name, code, want, err string }{
		{name: "streamed", code: `show(hud.dataset("five.jsonl"):batches(2))`, want: "1:1,2 1:3,4 1:5\n"},
		{name: "epochs", code: `show(hud.dataset("five.jsonl"):batches(3, { epochs = 2 }))`, want: "1:1,2,3 1:4,5 2:1,2,3 2:4,5\n"},
		{name: "steps", code: `show(hud.dataset("five.jsonl"):batches(3, { steps = 3 }))`, want: "1:1,2,3 1:4,5 2:1,2,3\n"},
		{name: "drop_last", code: `show(hud.dataset("five.jsonl", { drop_last = true, batch_size = 2 }):batches(nil, { epochs = 2 }))`, want: "1:1,2 1:3,4 2:1,2 2:3,4\n"},
		{name: "counted", code: `local d = hud.dataset("five.jsonl") print(#d, #d:batches(2), #d:batches(2, { epochs = 3 }), #d:batches(2, { steps = 7 }))`, want: "5\t3\t9\t7\n"},
		{name: "indexed", code: `local d = hud.dataset("five.jsonl") print(d[1].n, d[5].n, d[0], d[6], d[1.5])`, want: "1\t5\tnil\tnil\tnil\n"},
		{name: "larger than the data", code: `show(hud.dataset("five.jsonl"):batches(100))`, want: "1:1,2,3,4,5\n"},
		{name: "several files", code: `show(hud.dataset("part-*.jsonl"):batches(2)) show(hud.dataset("[odd].jsonl"):batches(2))`, want: "1:7,6\n1:8\n"},
		{name: "hidden files", code: `show(hud.dataset("dir/*"):batches(2))`, want: "1:1\n"},
		{name: "beyond the end", code: `for step in hud.steps(hud.dataset("five.jsonl"):batches(2), { after = 1e12 }) do print(step) end`},
		{name: "list", code: `local t = { "a", "b", "c" } local d = hud.dataset(t) t[1] = "z" show(d:batches(2)) print(d[3], #d, tostring(d), tostring(d:batches(2)))`,
			want: "1:a,b 1:c\nc\t3\tDataset list\tBatches of 2 from list\n"},
		{name: "the end stays", code: `local b = hud.dataset({ 1 }):batches(1) b() print(b(), b:next())`, want: "nil\tnil\n"},
		{name: "tables are the list's own", code: `local r = {} print(hud.dataset({ r })[1] == r)`, want: "true\n"},
		{name: "null", code: `print(hud.dataset("five.jsonl"):batches(1)()[1].n, hud.json.decode("null") == hud.json.null)`, want: "1\ttrue\n"},
		{name: "shuffled alike", code: `
			local function order(source, options)
				local t = {}
				for batch in hud.dataset(source, options):batches(2, { epochs = 2 }) do for _, r in ipairs(batch) do t[#t + 1] = type(r) == "table" and r.n or r end end
				return table.concat(t)
			end
			local file, list = order("five.jsonl", { shuffle = true }), order({ 1, 2, 3, 4, 5 }, { shuffle = true })
			assert(file == list and file ~= "1234512345" and file:sub(1, 5) ~= file:sub(6), file)
			assert(order("five.jsonl", { shuffle = true, seed = 1 }) ~= order("five.jsonl", { shuffle = true, seed = 2 }))
			assert(order("five.jsonl", { shuffle = true, seed = 1 }) == order("five.jsonl", { shuffle = true, seed = 1 }))
			math.random() assert(order("five.jsonl", { shuffle = true }) == file)`},
		{name: "tasks take turns", code: `
			local b, t = hud.dataset("five.jsonl"):batches(1), {}
			hud.gather({ hud.spawn(function() for r in b do t[#t + 1] = r[1].n end end), hud.spawn(function() for r in b do t[#t + 1] = r[1].n end end) })
			table.sort(t) print(table.concat(t))`, want: "12345\n"},
		{name: "steps of hud.steps", code: `for step, batch, epoch in hud.steps(hud.dataset("five.jsonl"):batches(3, { epochs = 2 })) do io = (io or "") .. step .. epoch .. #batch .. " " end print(io)`,
			want: "113 212 323 422 \n"},
		{name: "a step after", code: `for step, batch in hud.steps(hud.dataset("five.jsonl"):batches(2, { epochs = 2 }), { after = 4 }) do print(step, batch[1].n) end`, want: "5\t3\n6\t5\n"},
		{name: "a step after, shuffled", code: `
			local function batches() return hud.dataset("five.jsonl", { shuffle = true }):batches(2, { epochs = 2 }) end
			local all, rest = {}, {}
			for batch in batches() do all[#all + 1] = batch[1].n end
			for _, batch in hud.steps(batches(), { after = 4 }) do rest[#rest + 1] = batch[1].n end
			assert(#rest == 2 and rest[1] == all[5] and rest[2] == all[6])`},

		{name: "nothing", code: `hud.dataset()`, err: "dataset: source: got nil, want a value"},
		{name: "a number", code: `hud.dataset(3)`, err: "dataset: source: got 3, want the path of a file of JSON lines or a list of records"},
		{name: "names", code: `hud.dataset{ batch_size = 3 }`, err: "dataset: source: got a table with names, want a list of records"},
		{name: "a hole", code: `hud.dataset{ 1, nil, 3 }`, err: "dataset: source: got nil at position 2 of the list, want a record"},
		{name: "option", code: `hud.dataset({ 1 }, { batchsize = 2 })`, err: `dataset: unknown option "batchsize" (did you mean "batch_size"?)`},
		{name: "batch_size", code: `hud.dataset({ 1 }, { batch_size = 0 })`, err: "dataset: batch_size: got 0, want a whole number of 1 to 1048576"},
		{name: "no batch size", code: `hud.dataset({ 1 }):batches()`, err: "batches: batch_size: got nil, want a whole number"},
		{name: "epochs and steps", code: `hud.dataset({ 1 }):batches(1, { epochs = 1, steps = 1 })`, err: "batches: epochs and steps: want one of them"},
		{name: "epochs", code: `hud.dataset({ 1 }):batches(1, { epochs = 0 })`, err: "batches: epochs: got 0, want a whole number of at least 1"},
		{name: "method", code: `hud.dataset({ 1 }):batchs(1)`, err: `Dataset: no such method or field: "batchs" (did you mean "batches"?)`},
		{name: "missing file", code: `hud.dataset("non.jsonl")`, err: "dataset: non.jsonl: no such file or directory"},
		{name: "no file fits", code: `hud.dataset("non-*.jsonl")`, err: "dataset: non-*.jsonl: no such file or directory"},
		{name: "bad pattern", code: `hud.dataset("x[*")`, err: "dataset: x[*: syntax error in pattern"},
		{name: "directory", code: `hud.dataset("dir")`, err: "read: dir: not a regular file"},
		{name: "elsewhere", code: `hud.dataset("../x.jsonl")`, err: "dataset: this script may not read ../x.jsonl"},
		{name: "keys", code: `hud.dataset(".env")`, err: "scripts never see files that hold keys"},
		{name: "keys by pattern", code: `hud.dataset(".en?")`, err: "scripts never see files that hold keys"},
		{name: "empty file", code: `local d = hud.dataset("empty.jsonl") print(#d) show(d:batches(2))`, want: "0\n", err: "dataset: empty.jsonl: got no records"},
		{name: "empty file, shuffled", code: `show(hud.dataset("blank.jsonl", { shuffle = true }):batches(2))`, err: "dataset: blank.jsonl: got no records"},
		{name: "empty list", code: `hud.dataset({}):batches(2)`, err: "dataset: list: got no records"},
		{name: "fewer than a batch", code: `show(hud.dataset("five.jsonl", { drop_last = true }):batches(6))`, err: "dataset: five.jsonl: got 5 records, want at least one batch of 6, or no drop_last"},
		{name: "bad line", code: `show(hud.dataset("bad.jsonl"):batches(1))`, err: "dataset: bad.jsonl:3: column 7: got '}', want a value"},
		{name: "bad line, shuffled", code: `show(hud.dataset("bad.jsonl", { shuffle = true }):batches(1))`, err: "dataset: bad.jsonl:3: column 7: got '}', want a value"},
		{name: "UTF-16", code: `show(hud.dataset("utf16.jsonl"):batches(1))`, err: "dataset: utf16.jsonl:1: column 1: got "},
		{name: "deep", code: `show(hud.dataset("deep.jsonl"):batches(1))`, err: "dataset: deep.jsonl:1: column 201: nested deeper than 200"},
		{name: "long", code: `show(hud.dataset("long.jsonl"):batches(1))`, err: "dataset: long.jsonl:2: the line is longer than 65536 bytes"},
		{name: "changed", code: `local b = hud.dataset("note.jsonl"):batches(1) b() hud.fs.append("note.jsonl", "3") b()`, err: "dataset: note.jsonl: the file was changed while it was read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config := bindings.Default(nil)
			config.Capabilities.ReadRoots = []string{dir}
			config.Limits.StringBytes = 64 << 10
			if strings.Contains(tc.code, "note.jsonl") {
				own := t.TempDir()
				if err := os.WriteFile(filepath.Join(own, "note.jsonl"), []byte("1\n2\n"), 0o666); err != nil {
					t.Fatal(err)
				}
				config.Capabilities.ReadRoots, config.Capabilities.WriteRoots = nil, []string{own}
			}
			out, err := run(t, config, tc.code)
			if out != tc.want {
				t.Errorf("got %q, want %q", out, tc.want)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

// Without the capability the error says what grants it, and lists still work.
func TestNoCapability(t *testing.T) {
	t.Parallel()
	_, err := run(t, bindings.Default(nil), `show(hud.dataset({ 1 }):batches(1)) hud.dataset("five.jsonl")`)
	var e *runtime.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "dataset: this script may not read five.jsonl") || !strings.Contains(e.Hint, "--allow-read DIR") {
		t.Errorf("got %v, %+v", err, e)
	}
}
