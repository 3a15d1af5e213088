package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/metrics"
)

func row(step int, values ...metrics.Value) metrics.Row {
	return metrics.Row{Step: step, Values: values}
}

func all(metrics.Row) bool { return true }

// What is written is read again, every bit of it, and each line is JSON.
func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "metrics.jsonl")
	f, err := metrics.OpenFile(t.Context(), path, all)
	if err != nil || f.Written() {
		t.Fatalf("got %v, written %v", err, f.Written())
	}
	want := []metrics.Row{
		row(0, metrics.Value{Name: "before", Value: -0.1}),
		{Step: 1, Seconds: 1.25, Place: metrics.Place{Loop: 1, Step: 1}, Values: []metrics.Value{
			{Name: "b", Value: math.Pi}, {Name: "a/\"quoted\" \u2028", Value: math.Inf(1)}, {Name: "c", Value: math.Inf(-1)}, {Name: "d", Value: 1e300}}},
		{Step: 2, Seconds: 2, Place: metrics.Place{Loop: 1, Step: 2}, Values: []metrics.Value{{Name: "b", Value: math.SmallestNonzeroFloat64}}},
	}
	for _, r := range want {
		if err := f.Log(r); err != nil {
			t.Fatal(err)
		}
	}
	nan := row(3, metrics.Value{Name: "b", Value: math.NaN()})
	if err := errors.Join(f.Log(nan), f.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); first != `{"step":0,"_seconds":0,"before":-0.1}` {
		t.Errorf("got %s", first)
	}
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("got %q, want JSON", line)
		}
	}

	var got []metrics.Row
	f, err = metrics.OpenFile(t.Context(), path, func(r metrics.Row) bool { got = append(got, r); return true })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got[:3], want) || len(got) != 4 || !math.IsNaN(got[3].Values[0].Value) {
		t.Errorf("got %+v, want %+v and NaN", got, want)
	}
	if err := errors.Join(f.Log(row(4, metrics.Value{Name: "b", Value: 1})), f.Close()); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(path); string(now) != string(text)+`{"step":4,"_seconds":0,"b":1}`+"\n" {
		t.Errorf("got %s", now)
	}
}

// Rows that are refused, and half a line, are cut off; what is no row is left
// alone.
func TestFileIsCut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	begin := `{"step":1,"_seconds":1,"_at":[1,1],"a":1}` + "\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	applied := func(r metrics.Row) bool { return !r.Place.After(metrics.Place{Loop: 1, Step: 1}) }
	for name, rest := range map[string]string{
		"nothing":         "",
		"half a line":     `{"step":2,"a`,
		"a later step":    `{"step":2,"_at":[1,2],"a":2}` + "\n" + `{"step":1,"a":2}` + "\n",
		"a later loop":    `{"step":2,"_at":[2,1],"a":2}` + "\n",
		"both":            `{"step":2,"_at":[1,2],"a":2}` + "\n" + `{"step`,
		"no line at once": `{`,
	} {
		write(begin + rest)
		f, err := metrics.OpenFile(t.Context(), path, applied)
		if err == nil {
			err = errors.Join(f.Log(row(2, metrics.Value{Name: "a", Value: 3})), f.Close())
		}
		got, _ := os.ReadFile(path)
		if want := begin + `{"step":2,"_seconds":0,"a":3}` + "\n"; err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
	// A stop leaves the file as it is.
	long := strings.Repeat(begin, 1000) + `{"half`
	write(long)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := metrics.OpenFile(stopped, path, func(metrics.Row) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the stop", err)
	}
	if got, _ := os.ReadFile(path); string(got) != long {
		t.Errorf("got %d bytes, want %d", len(got), len(long))
	}
	for _, text := range []string{"[]\n", "hello\n", `{"a":1}` + "\n", `{"step":1.5}` + "\n", `{"step":1,"a":"x"}` + "\n", `{"step":1,"a":{}}` + "\n", begin + "\n"} {
		write(text)
		if _, err := metrics.OpenFile(t.Context(), path, all); err == nil || !strings.Contains(err.Error(), "it is no row of metrics") {
			t.Errorf("%q: got %v", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%q: it was changed to %q", text, got)
		}
	}
}

type sink struct {
	rows []metrics.Row
	err  error
}

func (s *sink) Log(r metrics.Row) error {
	s.rows = append(s.rows, r)
	return s.err
}

func TestLog(t *testing.T) {
	t.Parallel()
	var s sink
	l := metrics.New(&s)
	a, b := metrics.Value{Name: "a", Value: 1}, metrics.Value{Name: "b", Value: 2}
	for _, tc := range []struct {
		row  metrics.Row
		want string
	}{
		{row(-1, a), "step: got -1, want a whole number of at least 0"},
		{row(0, a), ""},
		{row(5, a), ""},
		{row(5, b), ""},
		{row(5, b), "b: it was logged for step 5 already"},
		{row(4, a), "step: got 4, want at least 5, the last one: steps do not go back"},
		{row(6, b), ""},
		{row(7, metrics.Value{Name: strings.Repeat("x", 257)}), "got a name of 257 bytes, want at most 256: \"" + strings.Repeat("x", 40) + "\"…"},
		{row(7, a, b, a), "a: got two values of that name in a row"},
	} {
		if err := l.Add(tc.row); err == nil && tc.want != "" || err != nil && err.Error() != tc.want {
			t.Errorf("%+v: got %v, want %s", tc.row, err, tc.want)
		}
	}
	if len(s.rows) != 4 || !slices.Equal(l.Names(), []string{"a", "b"}) || !slices.Equal(l.Series("b"), []float64{2, 2}) || l.Series("c") != nil {
		t.Errorf("got %v, %v, %v", s.rows, l.Names(), l.Series("b"))
	}

	// A run that goes on says the beginning again.
	s = sink{}
	l = metrics.New(&s)
	l.Restore(row(0, a))
	l.Restore(row(5, a))
	for _, step := range []int{0, 5, 6} {
		if err := l.Add(row(step, a)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.rows) != 1 || s.rows[0].Step != 6 || len(l.Series("a")) != 3 {
		t.Errorf("got %v and %v, want step 6 alone", s.rows, l.Series("a"))
	}
	if err := l.Add(row(5, b)); err == nil {
		t.Error("a step went back")
	}

	// A sink that fails keeps nothing from the others.
	broken := &sink{err: errors.New("disk full")}
	l = metrics.New(broken, &s)
	var sinkErr *metrics.SinkError
	if err := l.Add(row(7, a)); !errors.As(err, &sinkErr) || err.Error() != "disk full" || s.rows[len(s.rows)-1].Step != 7 {
		t.Errorf("got %v and %v", err, s.rows)
	}
}

// A log stays small: ten thousand steps and more leave a thousand points of
// each name, evenly apart, and there are only so many names.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 1023, 1024, 1025, 2048, 2049, 10_000, 100_000} {
		l := metrics.New()
		for i := range n {
			if err := l.Add(row(i, metrics.Value{Name: "a", Value: float64(i)})); err != nil {
				t.Fatal(err)
			}
		}
		got := l.Series("a")
		if len(got) > metrics.MaxPoints+1 || n <= metrics.MaxPoints && len(got) != n || len(got) < min(n, metrics.MaxPoints/2) {
			t.Errorf("%d: got %d points", n, len(got))
		}
		if got[0] != 0 || got[len(got)-1] != float64(n-1) {
			t.Errorf("%d: got %v to %v", n, got[0], got[len(got)-1])
		}
		for i := 2; i < len(got)-1; i++ {
			if got[i]-got[i-1] != got[1] {
				t.Fatalf("%d: point %d is %v after %v", n, i, got[i], got[i-1])
			}
		}
	}
	l := metrics.New()
	var err error
	for i := 0; err == nil && i < 2*metrics.MaxNames; i++ {
		err = l.Add(row(i, metrics.Value{Name: fmt.Sprint("x", i), Value: 1}))
	}
	if err == nil || !strings.Contains(err.Error(), "got more than 1000 different names") || len(l.Names()) != metrics.MaxNames {
		t.Errorf("got %v and %d names", err, len(l.Names()))
	}
}

// A file has an end, which is no error of the log's.
func TestFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	f, err := metrics.OpenFile(t.Context(), path, all)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var values []metrics.Value
	for i := range metrics.MaxNames {
		values = append(values, metrics.Value{Name: fmt.Sprintf("%0250d", i), Value: 0.123456789})
	}
	rows := 0
	for err == nil {
		err = f.Log(row(rows, values...))
		rows++
	}
	if !errors.Is(err, metrics.ErrFull) {
		t.Fatal(err)
	}
	if err := f.Log(row(rows, values...)); !errors.Is(err, metrics.ErrFull) {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > metrics.MaxBytes || info.Size() < metrics.MaxBytes-300_000 {
		t.Errorf("got %v, %v", info.Size(), err)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	c := metrics.NewColumns(&b)
	rows := []metrics.Row{
		row(9, metrics.Value{Name: "reward", Value: 0.25}, metrics.Value{Name: "tokens", Value: 123456}),
		row(10, metrics.Value{Name: "reward", Value: 1.0 / 3}, metrics.Value{Name: "tokens", Value: 7}),
		row(10, metrics.Value{Name: "eval/reward", Value: math.NaN()}),
		row(123456, metrics.Value{Name: "reward", Value: -1.5e-7}, metrics.Value{Name: "tokens", Value: 2e9}),
	}
	for _, r := range rows {
		if err := c.Log(r); err != nil {
			t.Fatal(err)
		}
	}
	want := `step     9  reward   0.25  tokens 123456
step    10  reward 0.3333  tokens      7
step    10  eval/reward    NaN
step 123456  reward -1.5e-07  tokens  2e+09
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}

	b.Reset()
	c = metrics.NewColumns(&b).Only("tokens", "none").Every(2)
	for _, r := range rows {
		if err := c.Log(r); err != nil {
			t.Fatal(err)
		}
	}
	if want := "step     9  tokens 123456\nstep 123456  tokens  2e+09\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}

	b.Reset()
	var many []metrics.Value
	for i := range 11 {
		many = append(many, metrics.Value{Name: string(rune('a' + i)), Value: 1})
	}
	if err := metrics.NewColumns(&b).Log(row(1, many...)); err != nil || !strings.HasSuffix(b.String(), "  h      1  and 3 more\n") {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// Whatever is in a file, opening it gives an answer, and rows that were read
// are read again.
func FuzzOpenFile(f *testing.F) {
	f.Add(`{"step":1,"_seconds":1,"_at":[1,1],"a":1}` + "\n" + `{"step":2,"a":"NaN"}` + "\n" + `{"st`)
	f.Add("{}\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "m.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		n := 0
		file, err := metrics.OpenFile(t.Context(), path, func(metrics.Row) bool { n++; return true })
		if err != nil {
			return
		}
		if err := errors.Join(file.Log(row(1<<40, metrics.Value{Name: "x", Value: math.NaN()})), file.Close()); err != nil {
			t.Fatal(err)
		}
		again := 0
		file, err = metrics.OpenFile(t.Context(), path, func(metrics.Row) bool { again++; return true })
		if err != nil || again != n+1 {
			t.Fatalf("got %d rows, %v, want %d", again, err, n+1)
		}
		file.Close()
	})
}

func BenchmarkAdd(b *testing.B) {
	f, err := metrics.OpenFile(b.Context(), filepath.Join(b.TempDir(), "m.jsonl"), all)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	l := metrics.New(f)
	values := []metrics.Value{{Name: "reward", Value: 0.5}, {Name: "train/loss", Value: 1.25}, {Name: "train/kl", Value: 1e-3}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := l.Add(metrics.Row{Step: i, Seconds: 1, Values: values}); err != nil {
			b.Fatal(err)
		}
	}
}
