package metrics_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/metrics"
)

// written is a log of rows as a file keeps them.
func written(t *testing.T, name string, rows ...metrics.Row) *metrics.Recorded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	file, err := metrics.OpenFile(t.Context(), path, func(metrics.Row) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := file.Log(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	log := record(t, path)
	log.Name = name
	return log
}

func TestReport(t *testing.T) {
	t.Parallel()
	hostile := `<script>"&`
	a := written(t, "a", metrics.Row{Step: 2, Seconds: 1, Values: []metrics.Value{{"reward", 0.25}, {hostile, 1}}},
		metrics.Row{Step: 4, Seconds: 2.5, Values: []metrics.Value{{"reward", math.NaN()}, {"empty", math.NaN()}}},
		metrics.Row{Step: 8, Seconds: 3, Values: []metrics.Value{{"reward", -0.75}}})
	b := written(t, hostile, metrics.Row{Step: 1, Seconds: 4, Values: []metrics.Value{{"reward", 1}, {"own", 2}}})
	for _, tt := range []struct {
		name   string
		logs   []*metrics.Recorded
		shown  int
		charts int
		want   []string
	}{
		{"one", []*metrics.Recorded{a}, 3, 2, []string{
			"3 rows in 3s", `without a finite value: [&#34;empty&#34;]`,
			// Of 0.25, NaN and −0.75 at steps 2, 4 and 8.
			`<td>reward</td><td>a</td><td class="n">3</td><td class="n">0.25</td><td class="n">-0.75</td><td class="n">-0.25</td><td class="n">-0.75</td><td class="n">8</td><td class="n">0.25</td><td class="n">2</td>`,
			`<td>empty</td><td>a</td><td class="n">1</td><td class="n">NaN</td>`,
		}},
		{"two", []*metrics.Recorded{a, b}, 4, 3, []string{"2 logs, 4 rows in 7s", `<td>own</td><td>&lt;script&gt;&#34;&amp;</td>`, "<span>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var page strings.Builder
			shown, err := metrics.Report(&page, "a "+hostile, tt.logs)
			if err != nil || shown != tt.shown {
				t.Fatalf("got %d names and %v, want %d", shown, err, tt.shown)
			}
			for _, want := range tt.want {
				if !strings.Contains(page.String(), want) {
					t.Errorf("want %s in\n%s", want, page.String())
				}
			}
			if n := strings.Count(page.String(), "<figure>"); n != tt.charts {
				t.Errorf("got %d charts, want %d", n, tt.charts)
			}
			if strings.Contains(page.String(), "<script") {
				t.Error("a name became a script")
			}
			d := xml.NewDecoder(strings.NewReader(page.String()))
			d.Entity = xml.HTMLEntity
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestReportRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		logs []*metrics.Recorded
		want string
	}{
		{nil, "report: got 0 logs, want 1 to 24"},
		{make([]*metrics.Recorded, 25), "got 25 logs"},
		{[]*metrics.Recorded{written(t, "a", metrics.Row{Step: 1})}, "report: the log has no values"},
	} {
		if _, err := metrics.Report(io.Discard, "t", tt.logs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// A log is read while it is written: half a row is none. What is no log is
// refused with its line.
func TestRecord(t *testing.T) {
	t.Parallel()
	log, err := metrics.Record(strings.NewReader("{\"step\":1,\"a\":2}\n{\"step\":2,\"a\":"), "m.jsonl")
	if err != nil || log.Rows != 1 || len(log.Curves["a"].Values) != 1 {
		t.Errorf("got %+v, %v", log, err)
	}
	_, err = metrics.Record(strings.NewReader("{\"step\":1}\nprint(1)\n"), "m.jsonl")
	if want := "m.jsonl:2: it is no row of metrics: it is no object"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func record(t *testing.T, path string) *metrics.Recorded {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log, err := metrics.Record(file, path)
	if err != nil {
		t.Fatal(err)
	}
	return log
}
