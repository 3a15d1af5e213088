package httpjson

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// raws are a list's elements as they are written.
type raws struct {
	r    *Reader
	list *[]string
	got  []string
}

func (p *raws) Element(i int) error {
	text, err := p.r.Raw()
	p.got = append(p.got, fmt.Sprint(i, " ", string(text)))
	return err
}

func (p *raws) Merge() error {
	*p.list = append(*p.list, p.got...)
	p.got = p.got[:0]
	return nil
}

// lists reads a list one after another, and spread over goroutines in pieces of
// block bytes.
func lists(src func() io.Reader, helpers, block int) (one, spread []string, oneErr, spreadErr error) {
	read := func(dst *[]string, helpers int) error {
		r := NewReader(src())
		own := &raws{r: r}
		err := r.spreadOver(helpers, block, func(i int) error {
			err := own.Element(i)
			if err == nil {
				err = (&raws{list: dst, got: own.got}).Merge()
			}
			own.got = nil
			return err
		}, func(r *Reader) Part { return &raws{r: r, list: dst} })
		if err == nil {
			err = r.End()
		}
		return err
	}
	oneErr = read(&one, 0)
	spreadErr = read(&spread, helpers)
	return one, spread, oneErr, spreadErr
}

func wantSame(t *testing.T, text string, helpers, block int, wrap func(io.Reader) io.Reader) {
	t.Helper()
	src := func() io.Reader { return wrap(strings.NewReader(text)) }
	one, spread, oneErr, spreadErr := lists(src, helpers, block)
	if errors.Is(spreadErr, errCut) && oneErr != nil || errors.Is(oneErr, errCut) && spreadErr != nil {
		return // a text that is wrong where it is cut may be called either
	}
	if fmt.Sprint(oneErr) != fmt.Sprint(spreadErr) || errors.Is(oneErr, io.ErrUnexpectedEOF) != errors.Is(spreadErr, io.ErrUnexpectedEOF) {
		t.Fatalf("%.200q, pieces of %d: got %v, want %v", text, block, spreadErr, oneErr)
	}
	if oneErr == nil && !reflect.DeepEqual(one, spread) {
		t.Fatalf("%.200q, pieces of %d: got %q, want %q", text, block, spread, one)
	}
}

var errCut = errors.New("the line is cut")

// broken ends with an error of the source.
func broken(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(errCut)) }

func plainly(r io.Reader) io.Reader { return r }

// What is spread is read in the same order, and what is wrong is the same, as
// when it is not.
func TestSpread(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	element := func() string {
		switch rng.IntN(12) {
		case 0:
			return `"a ] \\\" , [ } { "`
		case 1:
			return `[1, "]", [2], {"a": [-3, 4]}]`
		case 2:
			return fmt.Sprintf("%d", rng.IntN(100))
		case 3:
			return `{"text": "` + strings.Repeat("long ", rng.IntN(3000)) + `"}`
		}
		return fmt.Sprintf(`{"a": [%s0], "b": {"c": [[], {}]}, "d": "\\", "e": %v}`, strings.Repeat("-1.5, ", rng.IntN(300)), rng.Float64())
	}
	for range 25 {
		var text strings.Builder
		text.WriteString(" [")
		for i := range rng.IntN(200) {
			if i > 0 {
				text.WriteString([]string{",", " ,", ",\n  "}[rng.IntN(3)])
			}
			text.WriteString(element())
		}
		text.WriteString("] ")
		whole := text.String()
		spoiled := []byte(whole)
		spoiled[rng.IntN(len(spoiled))] = `"[]{},:\x`[rng.IntN(9)]
		for _, text := range []string{whole, whole[:rng.IntN(len(whole))], string(spoiled), whole + "]"} {
			for _, block := range []int{1, 100, 5000} {
				wantSame(t, text, 1+rng.IntN(3), block, plainly)
				wantSame(t, text, 1, block, iotest.HalfReader)
				wantSame(t, text, 2, block, broken)
			}
		}
	}
}

// An element that its part refuses is the error of the first such.
func TestSpreadStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat(`{"a": [1, 2, 3]}, `, 50000) + "{}]"
	for _, bad := range []int{0, 4000, 9001, 50000} {
		r := NewReader(strings.NewReader(text))
		refuse := func(r *Reader) func(i int) error {
			return func(i int) error {
				if i >= bad {
					return &Error{Detail: "no"}
				}
				return r.Skip()
			}
		}
		err := r.spreadOver(3, 1000, refuse(r), func(r *Reader) Part { return picky{refuse(r)} })
		if want := fmt.Sprintf("[%d]: no", bad+1); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

type picky struct{ element func(i int) error }

func (p picky) Element(i int) error { return p.element(i) }
func (p picky) Merge() error        { return nil }

func FuzzSpread(f *testing.F) {
	for _, seed := range []string{
		`[{"a":[1,2]},{"b":"]"},[[1],"\\\""],"x",7,null]`, `[{"a":[1,"]"]} , {}`, `[[1[1[1]`, `["\\","\u0000"]`, `[{"a":1,}]`, `[{}{}]`, `[{]`, `[{},]`, `[,]`, `[]`,
	} {
		f.Add(seed, uint8(1))
		f.Add(seed, uint8(20))
	}
	f.Fuzz(func(t *testing.T, text string, block uint8) {
		wantSame(t, text, 1+len(text)%3, 1+int(block), plainly)
		wantSame(t, text, 1, 1+int(block), iotest.OneByteReader)
		wantSame(t, text, 2, 1+int(block), broken)
	})
}
