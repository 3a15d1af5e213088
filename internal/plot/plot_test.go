package plot

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func ptr(x float64) *float64 { return &x }

func TestLine(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	cases := []struct {
		name     string
		series   []Series
		options  Options
		want     []string // parts that must appear
		wantErr  string
		maxWidth int
	}{
		{name: "rising", series: []Series{{Values: []float64{0, 0.5, 1}}}, options: Options{Title: "reward", Height: 4},
			want: []string{"1.00 ┤", "0.00 ┼", "reward", "1                   2"}},
		{name: "one point", series: []Series{{Values: []float64{7}}}, want: []string{"7.00 ┼────"}},
		{name: "constant", series: []Series{{Values: []float64{3, 3, 3}}}, want: []string{"3.00 ┼────────────────────"}},
		{name: "gap", series: []Series{{Values: []float64{1, nan, 3, math.Inf(1), 5, 5}}}, want: []string{"5.00", "1.00"}},
		{name: "bounds widen", series: []Series{{Values: []float64{0.4, 0.6}}}, options: Options{Min: ptr(0), Max: ptr(1)},
			want: []string{"1.00 ┤", "0.00 ┤"}},
		{name: "small numbers", series: []Series{{Values: []float64{1e-5, 2e-5}}}, want: []string{"2.00e-05", "1.00e-05"}},
		{name: "large numbers", series: []Series{{Values: []float64{0, 1e9}}}, want: []string{"1.00e+09"}},
		{name: "two series", series: []Series{{"a", []float64{1, 2}}, {"b", []float64{2, 1, 0}}}, want: []string{"  ─ a   · b", "·"}},
		{name: "many points fit", series: []Series{{Values: make([]float64, 5000)}}, want: []string{"5000"}, maxWidth: 84},
		{name: "nothing", series: nil, wantErr: "got no finite value"},
		{name: "only nan", series: []Series{{Values: []float64{nan}}}, wantErr: "got no finite value"},
		{name: "width", series: []Series{{Values: []float64{1}}}, options: Options{Width: -1}, wantErr: "width: got -1, want 0 to 1000"},
		{name: "height", series: []Series{{Values: []float64{1}}}, options: Options{Height: 1e6}, wantErr: "height: got 1000000, want 0 to 200"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Line(c.series, c.options)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("got %v, want an error with %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range c.want {
				if !strings.Contains(got, part) {
					t.Errorf("got\n%s\nwant %q in it", got, part)
				}
			}
			if strings.ContainsRune(got, 0x1b) {
				t.Errorf("got an escape sequence, want none without Color:\n%q", got)
			}
			for line := range strings.Lines(got) {
				if w := runewidth.StringWidth(line); c.maxWidth > 0 && w > c.maxWidth {
					t.Errorf("got a line of %d columns, want at most %d", w, c.maxWidth)
				}
				if strings.HasSuffix(strings.TrimSuffix(line, "\n"), " ") {
					t.Errorf("got trailing spaces in %q", line)
				}
			}
		})
	}
}

func TestLineColor(t *testing.T) {
	t.Parallel()
	got, err := Line([]Series{{"a", []float64{1, 2}}, {"b", []float64{2, 1}}}, Options{Color: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, "\x1b[") {
		t.Errorf("got no colour, want some")
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	cases := []struct {
		value, full float64
		width       int
		want        string
	}{
		{0, 1, 3, "   "},
		{1, 1, 3, "███"},
		{0.5, 1, 4, "██  "},
		{0.5, 1, 1, "▌"},
		{1.0 / 8, 1, 1, "▏"},
		{2, 1, 2, "██"},
		{-1, 1, 2, "  "},
		{math.NaN(), 1, 2, "  "},
		{1, 0, 2, "██"},
		{0, 0, 2, "  "},
		{1, 1, 0, ""},
	}
	for _, c := range cases {
		if got := Bar(c.value, c.full, c.width); got != c.want {
			t.Errorf("Bar(%g, %g, %d): got %q, want %q", c.value, c.full, c.width, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := Table([]Column{{"NAME", Left}, {"REWARD", Right}}, [][]string{
		{"日本", "0.5"},
		{"a\x1b[31m", "12.25"},
		{"short"},
	}, Style{})
	want := "" +
		"NAME    REWARD\n" +
		"日本       0.5\n" +
		"a [31m   12.25\n" +
		"short\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if styled := Table([]Column{{"A", Left}}, nil, Style{On: true}); styled != "\x1b[1mA\x1b[0m\n" {
		t.Errorf("got %q, want a bold header", styled)
	}
}

type fakeTerminal struct{ bytes.Buffer }

func (*fakeTerminal) Terminal() (int, bool) { return 120, true }

func TestTerminal(t *testing.T) {
	t.Parallel()
	if _, ok := Terminal(&bytes.Buffer{}); ok {
		t.Error("a buffer is no terminal")
	}
	if w, ok := Terminal(&fakeTerminal{}); w != 120 || !ok {
		t.Errorf("got %d, %v, want the writer's own answer", w, ok)
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := NewScreen(&out, 12)
	w := s.Writer(&out)
	w.Status("step 1")
	w.Write([]byte("hello\n"))
	w.Write([]byte("half"))
	w.Status("step 2, and a long note")
	w.Write([]byte(" line\n"))
	w.Status("")
	w.Write([]byte("end\n"))
	want := "step 1" + "\r\x1b[K" + "hello\n" + "step 1" +
		"\r\x1b[K" + "half" + " line\n" + "step 2, an…" +
		"\r\x1b[K" + "end\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	if got, want := Progress("train", 10, 40, "reward 0.5"), "train ▕█████               ▏ 10/40  reward 0.5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Progress("", 3, 0, ""), "3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Values that whole numbers do not reach are drawn all the same.
func TestLineHuge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   []string
	}{
		{[]float64{5e173}, []string{"5.00e+173"}},
		{[]float64{-5e173, -5e173}, []string{"-5.00e+173"}},
		{[]float64{-math.MaxFloat64, math.MaxFloat64}, []string{"-1.80e+308", " 1.80e+308"}},
		{[]float64{1e300, math.NaN(), 2e300}, []string{"1.00e+300", "2.00e+300"}},
		{[]float64{3, 3, 3}, []string{"3.0"}},
	} {
		text, err := Line([]Series{{Values: tt.values}}, Options{Height: 4})
		if err != nil {
			t.Errorf("%v: %v", tt.values, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%v: want %s in\n%s", tt.values, want, text)
			}
		}
	}
}
