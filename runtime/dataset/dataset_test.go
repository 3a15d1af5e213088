package dataset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/dataset"
)

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// file is a file in memory; *text may change between two opens.
func file(name string, text *string) dataset.File {
	return dataset.File{Name: name, Open: func() (dataset.Handle, dataset.Stamp, error) {
		return memory{bytes.NewReader([]byte(*text))}, dataset.Stamp{Size: int64(len(*text)), Modified: time.Unix(int64(len(*text)), 0)}, nil
	}}
}

func open(t *testing.T, texts ...string) *dataset.Lines {
	t.Helper()
	var files []dataset.File
	for i := range texts {
		files = append(files, file(fmt.Sprintf("f%d", i+1), &texts[i]))
	}
	l, err := dataset.New(files...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func texts(records []dataset.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Text))
	}
	return strings.Join(all, ",")
}

// Streaming, counting and reading by number see the same records.
func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 700<<10) // beyond the buffer
	for name, tc := range map[string]struct {
		files  []string
		want   []string
		places []string
	}{
		"empty":               {files: []string{""}},
		"blank":               {files: []string{"\n \r\n\t\n"}},
		"one":                 {files: []string{"a\n"}, want: []string{"a"}, places: []string{"f1:1"}},
		"no final newline":    {files: []string{"a\nb"}, want: []string{"a", "b"}, places: []string{"f1:1", "f1:2"}},
		"CRLF":                {files: []string{"a\r\nb\r\n"}, want: []string{"a", "b"}, places: []string{"f1:1", "f1:2"}},
		"byte order mark":     {files: []string{"\ufeffa\nb\n"}, want: []string{"a", "b"}, places: []string{"f1:1", "f1:2"}},
		"only the mark":       {files: []string{"\ufeff"}},
		"blank lines between": {files: []string{"\n\na\n\n \nb"}, want: []string{"a", "b"}, places: []string{"f1:3", "f1:6"}},
		"several files":       {files: []string{"a", "", "\n", "b\nc\n", ""}, want: []string{"a", "b", "c"}, places: []string{"f1:1", "f4:1", "f4:2"}},
		"long lines":          {files: []string{"a\n" + long + "\nb\n" + long}, want: []string{"a", long, "b", long}, places: []string{"f1:1", "f1:2", "f1:3", "f1:4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			l := open(t, tc.files...)
			if n, err := l.Len(ctx); err != nil || n != len(tc.want) {
				t.Fatalf("got %d, %v, want %d records", n, err, len(tc.want))
			}
			var numbers []uint32
			for i := range tc.want {
				numbers = append(numbers, uint32(len(tc.want)-1-i))
			}
			backwards, err := l.Read(ctx, numbers)
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(backwards)
			for size := 1; size <= len(tc.want)+1; size++ {
				var streamed []dataset.Record
				at := int64(0)
				for {
					some, next, err := l.Next(ctx, at, size)
					if err != nil {
						t.Fatal(err)
					}
					skipped, past, err := l.Skip(ctx, at, size)
					if err != nil || skipped != len(some) || past != next {
						t.Fatalf("skip: got %d, %d, %v, want %d, %d", skipped, past, err, len(some), next)
					}
					if at = next; len(some) == 0 {
						break
					}
					streamed = append(streamed, some...)
				}
				if texts(streamed) != strings.Join(tc.want, ",") || texts(backwards) != texts(streamed) {
					t.Errorf("got %.60q and %.60q, want %.60q", texts(streamed), texts(backwards), tc.want)
				}
				for i, r := range streamed {
					if place, err := l.Place(ctx, r.At); err != nil || place != tc.places[i] || r.At != backwards[i].At {
						t.Errorf("record %d: got %s, %v at %d, want %s at %d", i, place, err, r.At, tc.places[i], backwards[i].At)
					}
				}
			}
		})
	}
}

func TestLinesFail(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := open(t, "a\n"+strings.Repeat("x", 100)+"\n")
	l.SetMaxLine(99)
	var long *dataset.LongError
	if _, err := l.Len(ctx); !errors.As(err, &long) || err.Error() != "f1:2: the line is longer than 99 bytes" {
		t.Errorf("got %v", err)
	}
	l.SetMaxLine(100)
	if n, err := l.Len(ctx); n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := l.Read(ctx, []uint32{2}); err == nil {
		t.Error("a record that is not there was read")
	}

	text := "a\nb\n"
	l, err := dataset.New(file("f", &text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(ctx, []uint32{1}); err != nil {
		t.Fatal(err)
	}
	text += "c\n"
	if _, err := l.Read(ctx, []uint32{1}); !errors.Is(err, dataset.ErrChanged) {
		t.Errorf("got %v, want the change", err)
	}
	if _, _, err := l.Next(ctx, 0, 1); !errors.Is(err, dataset.ErrChanged) || err.Error() != "f: the file was changed while it was read" {
		t.Errorf("got %v, want the change", err)
	}

	missing := errors.New("no such file")
	if _, err := dataset.New(dataset.File{Name: "f", Open: func() (dataset.Handle, dataset.Stamp, error) { return nil, dataset.Stamp{}, missing }}); !errors.Is(err, missing) {
		t.Errorf("got %v", err)
	}

	// A stop ends the reading of a large file, whatever reads it.
	stopped, stop := context.WithCancelCause(ctx)
	why := errors.New("stopped")
	stop(why)
	l = open(t, strings.Repeat("x\n", 1<<20))
	_, lenErr := l.Len(stopped)
	_, readErr := l.Read(stopped, []uint32{0})
	_, _, nextErr := l.Next(stopped, 0, 1<<20)
	_, placeErr := l.Place(stopped, 1<<20)
	_, orderErr := (&dataset.Order{N: 1 << 20, Batch: 1, Shuffle: true}).Of(stopped, 0, nil)
	for i, err := range []error{lenErr, readErr, nextErr, placeErr, orderErr} {
		if !errors.Is(err, why) {
			t.Errorf("%d: got %v, want the stop", i, err)
		}
	}
}

// Every pass holds each record once, in an order of its own that depends on
// the seed, however large the batches are and in whatever order they are asked
// for.
func TestOrder(t *testing.T) {
	t.Parallel()
	all := func(o dataset.Order, pass int) []uint32 {
		var out []uint32
		for k := range o.PerPass() {
			var err error
			if out, err = o.Of(t.Context(), pass*o.PerPass()+k, out); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	for _, n := range []int{1, 2, 7, 100} {
		plain := make([]uint32, n)
		for i := range plain {
			plain[i] = uint32(i)
		}
		for _, size := range []int{1, 3, 100, 1000} {
			o := dataset.Order{N: n, Batch: size}
			if got := all(o, 3); !slices.Equal(got, plain) {
				t.Errorf("%d by %d: got %v, want the order of the records", n, size, got)
			}
			o.Shuffle, o.Seed = true, 1
			first, second := all(o, 0), all(o, 1)
			if got := slices.Sorted(slices.Values(first)); !slices.Equal(got, plain) {
				t.Errorf("%d by %d: got %v, want each record once", n, size, got)
			}
			o.Batch = 1
			if !slices.Equal(first, all(o, 0)) || !slices.Equal(second, all(o, 1)) {
				t.Errorf("%d by %d: the order depends on the batches", n, size)
			}
			if o.Seed = 2; n == 100 && (slices.Equal(first, second) || slices.Equal(first, all(o, 0)) || slices.Equal(first, plain)) {
				t.Errorf("%d by %d: got %v twice", n, size, first)
			}
		}
	}
	o := dataset.Order{N: 10, Batch: 4, DropLast: true, Shuffle: true}
	if o.PerPass() != 2 || len(all(o, 0)) != 8 || o.Check() != nil {
		t.Errorf("got %d batches of %d records in all, want 2 of 8", o.PerPass(), len(all(o, 0)))
	}
	for want, o := range map[string]dataset.Order{
		"got no records": {Batch: 1},
		"got 3 records, want at least one batch of 4, or no drop_last": {N: 3, Batch: 4, DropLast: true},
	} {
		if err := o.Check(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func BenchmarkShuffledBatch(b *testing.B) {
	text := strings.Repeat(`{"prompt": "What is 3 + 4?", "answer": "7"}`+"\n", 100_000)
	bytes := memory{bytes.NewReader([]byte(text))}
	l, err := dataset.New(dataset.File{Name: "f", Open: func() (dataset.Handle, dataset.Stamp, error) {
		return bytes, dataset.Stamp{Size: bytes.Size()}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	o := dataset.Order{N: 100_000, Batch: 32, Shuffle: true}
	for k := 0; b.Loop(); k++ {
		numbers, err := o.Of(b.Context(), k, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := l.Read(b.Context(), numbers); err != nil {
			b.Fatal(err)
		}
	}
}
