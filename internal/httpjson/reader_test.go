package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readers reads the same text in every way it can arrive.
func readers(text []byte) map[string]*Reader {
	return map[string]*Reader{
		"at once":       Bytes(text),
		"in chunks":     NewReader(bytes.NewReader(text)),
		"byte by byte":  NewReader(iotest.OneByteReader(bytes.NewReader(text))),
		"EOF with data": NewReader(iotest.DataErrReader(bytes.NewReader(text))),
	}
}

// tree reads any value as encoding/json would.
func tree(r *Reader) (v any, err error) {
	switch c := r.Kind(); {
	case c == '{':
		m := map[string]any{}
		err = r.Object(func(key string) error {
			m[key], err = tree(r)
			return err
		})
		return m, err
	case c == '[':
		list := []any{}
		err = r.List(func(int) error {
			v, err := tree(r)
			list = append(list, v)
			return err
		})
		return list, err
	case c == '"':
		return r.String()
	case c == 't', c == 'f':
		return r.Bool()
	case r.Null():
		return nil, nil
	}
	return r.Float()
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, ` [ ] `, `{"a":[1,2.5,-3e2],"b":{"c":null,"d":true,"e":false},"":"x"}`, `"a\"\\\/\b\f\n\r\té😀\u0041\ud83d\ude00\ud800"`,
		"[\n\t1 ,\r\n 2 ]", `[[[[]]]]`, `"` + strings.Repeat("long ", 40000) + `"`, "\"\xff\xfe\"", `{"a":1,"\u0062":2}`, `[0, -0, 0.5e+1]`,
	} {
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		for how, r := range readers([]byte(text)) {
			got, err := tree(r)
			if err == nil {
				err = r.End()
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%.40s, %s: got %v, %v, want %v", text, how, got, err, want)
			}
		}
		for how, r := range readers([]byte("{\"raw\":" + text + "}")) {
			var raw json.RawMessage
			err := r.Object(func(string) (err error) { raw, err = r.Raw(); return err })
			if err != nil || string(raw) != strings.TrimSpace(text) {
				t.Errorf("%.40s, %s: got raw %.60s, %v", text, how, raw, err)
			}
		}
	}
}

func TestBrokenTextIsRefused(t *testing.T) {
	t.Parallel()
	floats := func(r *Reader) error { _, err := r.Float32s(nil); return err }
	ints := func(r *Reader) error { _, err := r.Ints(nil); return err }
	object := func(r *Reader) error {
		return r.Object(func(string) error {
			return r.Object(func(string) error { return r.List(func(int) error { return floats(r) }) })
		})
	}
	for _, tt := range []struct {
		text string
		read func(*Reader) error
		want string
	}{
		{``, (*Reader).Skip, "the text ends after 0 bytes, want a value"},
		{`[1,2`, floats, "the text ends after 4 bytes, want a comma or ]"},
		{`[1,`, floats, "[2]: the text ends after 3 bytes, want a number"},
		{`[-`, floats, "[1]: got -, want a number"},
		{`[1.5e`, floats, "[1]: got 1.5e, want a number"},
		{`[1,]`, floats, "[2]: got ], want a value"},
		{`[,1]`, floats, "[1]: got ,, want a number"},
		{`[1 2]`, floats, "got 2, want a comma or ]"},
		{`[1,NaN]`, floats, "[2]: got NaN, want a number"},
		{`[Infinity]`, floats, "[1]: got Infinity, want a number"},
		{`[1,-Infinity]`, floats, "[2]: got -Infinity, want a number"},
		{`[1, 2,null]`, floats, "[3]: got null, want a number"},
		{`["1"]`, floats, `[1]: got "1", want a number`},
		{`[[1]]`, floats, "[1]: got a list, want a number"},
		{`[{}]`, floats, "[1]: got an object, want a number"},
		{`[true]`, floats, "[1]: got true, want a number"},
		{`[01]`, floats, "[1]: got 01, want a number"},
		{`[1.]`, floats, "[1]: got 1., want a number"},
		{`[.5]`, floats, "[1]: got .5, want a number"},
		{`[+1]`, floats, "[1]: got +1, want a number"},
		{`[0x10]`, floats, "got x10, want a comma or ]"},
		{`[1e39]`, floats, "[1]: got 1e+39, want a number that float32 can hold"},
		{`[-1e999]`, floats, "[1]: got -1e999, want a number that float64 can hold"},
		{`7`, floats, "got 7, want a list of numbers"},
		{`[1.5]`, ints, "[1]: got 1.5, want a whole number of 64 bits"},
		{`[99999999999999999999]`, ints, "[1]: got 99999999999999999999, want a whole number of 64 bits"},
		{`{"a":{"b":[[1],[2,null]]}}`, object, "a.b[2][2]: got null, want a number"},
		{`{"a":1,"a":2}`, (*Reader).Skip, "a: the key comes twice"},
		{`{"a":1,"\u0061":2}`, (*Reader).Skip, "a: the key comes twice"},
		{`{"a"}`, (*Reader).Skip, "a: got }, want a colon"},
		{`{a:1}`, (*Reader).Skip, "got a, want a key"},
		{`{"a":1,}`, (*Reader).Skip, "got }, want a key"},
		{`"a`, (*Reader).Skip, "the text ends after 2 bytes, want the end of a string"},
		{"\"a\nb\"", (*Reader).Skip, `a string with the control character '\n'`},
		{`"\q"`, (*Reader).Skip, "a broken string"},
		{`nul`, (*Reader).Skip, "got nul, want a value"},
		{"\x00", (*Reader).Skip, `got "\x00", want a value`},
		{`1 2`, func(r *Reader) error { return errors.Join(r.Skip(), r.End()) }, "got 2, want the end of the text"},
		{strings.Repeat("[", 1e6), (*Reader).Skip, strings.Repeat("[1]", MaxDepth) + ": nested more than 64 deep"},
		{manyKeys(100) + `"k7":0}`, (*Reader).Skip, "k7: the key comes twice"},
	} {
		for how, r := range readers([]byte(tt.text)) {
			err := tt.read(r)
			var e *Error
			if !errors.As(err, &e) || err.Error() != tt.want {
				t.Errorf("%.60s, %s:\ngot  %v\nwant %s", tt.text, how, err, tt.want)
			}
			if cut := strings.Contains(tt.want, "text ends"); cut != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%.60s, %s: errors.Is(err, io.ErrUnexpectedEOF) is %v", tt.text, how, !cut)
			}
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i)
	}
	return b.String()
}

// What goes wrong below the text keeps its identity.
func TestErrorsOfTheSourceAreKept(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is cut")
	for _, text := range []string{``, `[1`, `[1,`, `[1.`, `["a`, `{"a":`, `[`, `{`, `tr`, ` `} {
		r := NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if err := r.Skip(); !errors.Is(err, broken) {
			t.Errorf("%q: got %v, want the source's error", text, err)
		}
	}
	r := NewReader(io.MultiReader(strings.NewReader(`[1]`), iotest.ErrReader(broken)))
	if err := errors.Join(r.Skip(), r.End()); !errors.Is(err, broken) {
		t.Errorf("after the value: got %v, want the source's error", err)
	}
}

// A long list crosses many buffers, with numbers longer than what is looked
// at together.
func TestLongLists(t *testing.T) {
	t.Parallel()
	list := logprobs(100000)
	text, err := AppendFloat32s([]byte{'['}, list)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, ", "+strings.Repeat("0", 1)+"."+strings.Repeat("123", 100000)+"]"...)
	list = append(list, float32(0.123123123123123123))
	for how, r := range readers(text) {
		if strings.HasPrefix(how, "byte") {
			continue // slow
		}
		got, err := r.Float32s(nil)
		if err != nil || !slices.Equal(got, list) {
			t.Errorf("%s: got %d numbers, %v, want the %d written", how, len(got), err, len(list))
		}
	}
}

// The Reader accepts what encoding/json accepts, apart from keys that come
// twice and deep nesting, and reads the same from it.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,{"b":"c\n"}],"d":null}`, `[1,2,-0.5e-7]`, `"\ud800"`, `{"a":1,"a":2}`, `[[[`, `1e999`, "[1\x00", `[-0, 0.1, 123456789012345678901]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		wantErr := json.Unmarshal(text, &want)
		var first any
		var firstErr error
		for i, how := range []string{"at once", "byte by byte", "in chunks"} {
			r := readers(text)[how]
			got, err := tree(r)
			if err == nil {
				err = r.End()
			}
			if i == 0 {
				first, firstErr = got, err
			}
			if (err == nil) != (firstErr == nil) || err == nil && !reflect.DeepEqual(got, first) || err != nil && err.Error() != firstErr.Error() {
				t.Fatalf("%q: %v, %v at once, but %v, %v %s", text, first, firstErr, got, err, how)
			}
		}
		switch {
		case firstErr == nil && (wantErr != nil || !reflect.DeepEqual(first, want)):
			t.Fatalf("%q: got %v, encoding/json %v, %v", text, first, want, wantErr)
		case firstErr != nil && wantErr == nil && !strings.Contains(firstErr.Error(), "comes twice") && !strings.Contains(firstErr.Error(), "deep"):
			t.Fatalf("%q: got %v, which encoding/json reads", text, firstErr)
		}
	})
}

// Lists of numbers are strconv's, however they arrive.
func FuzzFloat32s(f *testing.F) {
	for _, seed := range []string{`[1.0, 0.0, 1.0]`, `[-0.1234567890123456789, 0.12345678,-9.99999999,0.012345678901234567,1.00000005960464477,-0.12345678e-3]`, `[1,2.5,-3e2]`, `[ 0.1 , 1e-45,16777217 ]`, `[1e39]`, `[null]`, `[-0.20000000298023224, 1.00000005960464477539062500000001]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var numbers []*json.Number
		valid := len(bytes.TrimSpace(text)) > 0 && bytes.TrimSpace(text)[0] == '[' && json.Unmarshal(text, &numbers) == nil && !bytes.ContainsRune(text, '"')
		var want []float32
		for _, n := range numbers {
			if n == nil {
				valid = false
				break
			}
			v := sure(n.String())
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				valid = false
				break
			}
			want = append(want, v)
		}
		list := readers(text)
		list["with room"] = Bytes(append(bytes.Clone(text), make([]byte, 100)...)) // for the quick ways
		for i := range list["with room"].buf[len(text):][:100] {
			list["with room"].buf[len(text)+i] = ' '
		}
		for how, r := range list {
			got, err := r.Float32s(nil)
			if err == nil {
				err = r.End()
			}
			if (err == nil) != valid {
				t.Fatalf("%q, %s: got %v, want success %v", text, how, err, valid)
			}
			same := slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
			if valid && !same {
				t.Fatalf("%q, %s: got %v, want %v", text, how, got, want)
			}
		}
	})
}

func TestStream(t *testing.T) {
	t.Parallel()
	pieces := func(n, size int) *Stream {
		i := 0
		return NewStream(func(b []byte) ([]byte, error) {
			if i++; i == n {
				return append(b, '!'), io.EOF
			}
			return append(b, strings.Repeat("x", size)...), nil
		})
	}
	for _, n := range []int{1, 2, 1000} {
		for _, size := range []int{1, 1000, chunk, 3 * chunk} {
			want := strings.Repeat("x", (n-1)*size) + "!"
			if n == 1000 && size > 1000 {
				continue
			}
			known, err := pieces(n, size).Size()
			if err != nil || known != int64(len(want)) && !(known == -1 && len(want) > chunk) {
				t.Errorf("%d pieces of %d: got size %d, %v, want %d", n, size, known, err, len(want))
			}
			s := pieces(n, size)
			s.Size()
			got, err := io.ReadAll(iotest.OneByteReader(s))
			if size > 1000 {
				s := pieces(n, size)
				got, err = io.ReadAll(s)
			}
			if err != nil || string(got) != want {
				t.Errorf("%d pieces of %d: read %d bytes, %v, want %d", n, size, len(got), err, len(want))
			}
			var b bytes.Buffer
			if m, err := pieces(n, size).WriteTo(&b); err != nil || m != int64(len(want)) || b.String() != want {
				t.Errorf("%d pieces of %d: wrote %d bytes, %v, want %d", n, size, m, err, len(want))
			}
		}
	}
	broken := errors.New("no number")
	s := NewStream(func(b []byte) ([]byte, error) { return append(b, "["...), broken })
	if _, err := s.Size(); err != broken {
		t.Errorf("size: got %v, want the piece's error", err)
	}
	if _, err := io.ReadAll(s); err != broken {
		t.Errorf("read: got %v, want the piece's error", err)
	}
	if _, err := s.WriteTo(io.Discard); err != broken {
		t.Errorf("write: got %v, want the piece's error", err)
	}
}
