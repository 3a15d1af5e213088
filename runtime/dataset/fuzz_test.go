package dataset_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/dataset"
)

// Streaming, skipping and the index find the lines that splitting finds.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\r\n\n \nc", "\ufeffd\n", uint8(2))
	f.Add("", "\n", uint8(1))
	f.Add("\ufeff", "\ufeff\ufeff\n\ufeff", uint8(3))
	f.Fuzz(func(t *testing.T, one, two string, size uint8) {
		n := int(size%7) + 1
		var want []string
		for _, text := range []string{one, two} {
			for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
				if line = strings.Trim(line, " \t\r\n"); line != "" {
					want = append(want, line)
				}
			}
		}
		ctx := context.Background()
		l, err := dataset.New(file("a", &one), file("b", &two))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for at := int64(0); ; {
			records, next, err := l.Next(ctx, at, n)
			if err != nil {
				t.Fatal(err)
			}
			if len(records) == 0 {
				break
			}
			for _, r := range records {
				got = append(got, string(r.Text))
			}
			at = next
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got %q, want %q", got, want)
		}
		if count, err := l.Len(ctx); err != nil || count != len(want) {
			t.Fatalf("got %d records, %v, want %d", count, err, len(want))
		}
		var numbers []uint32
		for i := range want {
			numbers = append(numbers, uint32(len(want)-1-i))
		}
		records, err := l.Read(ctx, numbers)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			if string(r.Text) != want[len(want)-1-i] {
				t.Fatalf("record %d: got %q, want %q", numbers[i], r.Text, want[len(want)-1-i])
			}
		}
	})
}
