package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hudrl/hudrl/internal/safetensors"
)

// file puts a header and a body together by hand, as the format's description
// says.
func file(header string, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), body...)
}

// The bytes are written out by hand: 1 is 0x3f800000, −2.5 is 0xc0200000.
func TestEncodeBytes(t *testing.T) {
	t.Parallel()
	tensors := []safetensors.Tensor{
		{Name: "b", Shape: []int{2}, Data: []float32{1, -2.5}},
		{Name: "a", Shape: []int{1, 1}, Data: []float32{1}},
	}
	for _, c := range []struct {
		dtype  safetensors.DType
		header string
		body   []byte
	}{
		{safetensors.F32, `{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}}`,
			[]byte{0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0x80, 0x3f}},
		{safetensors.BF16, `{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[1,1],"data_offsets":[4,6]}}`,
			[]byte{0x80, 0x3f, 0x20, 0xc0, 0x80, 0x3f}},
	} {
		var got bytes.Buffer
		if err := safetensors.Encode(&got, tensors, c.dtype, nil); err != nil {
			t.Fatal(err)
		}
		padded := c.header + strings.Repeat(" ", (8-len(c.header)%8)%8)
		if want := file(padded, c.body...); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: got\n%q, want\n%q", c.dtype, got.Bytes(), want)
		}
		back, err := safetensors.Decode(got.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tensors {
			x, ok := back.Tensor(want.Name)
			if !ok || !slices.Equal(x.Data, want.Data) || !slices.Equal(x.Shape, want.Shape) {
				t.Errorf("%s: read back %v, want %v", c.dtype, x, want)
			}
		}
	}
}

// Rounding to bfloat16 by hand: it keeps 8 bits of mantissa, so between 1 and
// 1+2⁻⁷ a tie is 1+2⁻⁸. 65504 and 2⁻²⁴ are float16's largest and smallest.
func TestNarrowTypes(t *testing.T) {
	t.Parallel()
	in := []float32{1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-20, 1 + 3*0x1p-8, float32(math.Copysign(0, -1)), float32(math.Inf(1)), math.MaxFloat32}
	want := []float32{1, 1 + 0x1p-7, 1 + 2*0x1p-7, 0, float32(math.Inf(1)), float32(math.Inf(1))}
	var b bytes.Buffer
	tensor := safetensors.Tensor{Name: "x", Shape: []int{len(in) + 1}, Data: append(slices.Clone(in), float32(math.NaN()))}
	if err := safetensors.Encode(&b, []safetensors.Tensor{tensor}, safetensors.BF16, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(b.Bytes())
	if err != nil || f.Metadata["format"] != "pt" {
		t.Fatalf("got %v, %v", f, err)
	}
	got := f.Tensors[0].Data
	if !slices.Equal(got[:len(in)], want) || got[len(in)] == got[len(in)] {
		t.Errorf("bf16: got %v, want %v and NaN", got, want)
	}
	f, err = safetensors.Decode(file(`{"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]}}`,
		0x00, 0x3c, 0xff, 0x7b, 0x01, 0x00, 0x00, 0xc1, 0x00, 0x7c))
	if want := []float32{1, 65504, 0x1p-24, -2.5, float32(math.Inf(1))}; err != nil || !slices.Equal(f.Tensors[0].Data, want) {
		t.Errorf("f16: got %v, %v, want %v", f, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	one := func(s string) string { return `{"x":` + s + `}` }
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "cut short", nil},
		{"long header", "header does not fit", binary.LittleEndian.AppendUint64(nil, math.MaxUint64)},
		{"no json", "not a JSON object", file("[1]")},
		{"cut body", "end outside the file", file(one(`{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`), 1, 2, 3, 4)},
		{"trailing bytes", "no tensor owns", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`), 1, 2, 3, 4, 5)},
		{"hole", "leave a hole", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[1,5]}`), 1, 2, 3, 4, 5)},
		{"backwards", "end outside", file(`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}`)},
		{"shape", "do not fill the shape", file(one(`{"dtype":"F32","shape":[2],"data_offsets":[0,4]}`), 1, 2, 3, 4)},
		{"negative", "shape out of range", file(one(`{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}`), 1, 2, 3, 4)},
		{"overflow", "shape out of range", file(one(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}`))},
		{"dtype", `cannot read dtype: got "F8_E5M2"`, file(one(`{"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]}`), 1, 2, 3, 4)},
		{"entry", `"x": not a JSON object`, file(one(`3`))},
		{"metadata", `"__metadata__": not a JSON object`, file(`{"__metadata__":3}`)},
		{"metadata value", `"a" is not a string: got 3`, file(`{"__metadata__":{"a":3}}`)},
		{"no header", "not a JSON object", file("null")},
		{"half a header", "not a JSON object", file(`{"x":`)},
		{"header cut short", "got a header of 6 bytes, want at most 2", file("      ")[:10]},
		{"name twice", `name used twice: got "x"`, file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 1, 2, 3, 4)},
		{"key twice", `name used twice: got "shape"`, file(one(`{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,4]}`), 1, 2, 3, 4)},
		{"overlap", "overlap", file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 1, 2, 3, 4, 5, 6)},
		{"no shape", "are needed", file(one(`{"dtype":"F32","data_offsets":[0,4]}`), 1, 2, 3, 4)},
		{"one offset", "are needed", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[0]}`), 1, 2, 3, 4)},
		{"three offsets", "are needed", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}`), 1, 2, 3, 4)},
		{"negative offset", "cannot unmarshal number -4", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}`), 1, 2, 3, 4)},
		{"long whole number", "cannot hold an element of type I32: got bytes 01 00 00 01", file(one(`{"dtype":"I32","shape":[1],"data_offsets":[0,4]}`), 1, 0, 0, 1)},
		{"no boolean", "cannot hold an element of type BOOL: got bytes 02", file(one(`{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}`), 2)},
	} {
		if _, err := safetensors.Decode(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// Bytes written out by hand. −2 is 0xfe…, 2²⁴ is 0x01000000; 0.1 as float64 is
// 0x3fb999999999999a.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dtype string
		body  []byte
		want  []float32
	}{
		{"F64", []byte{0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0, 0, 0, 0, 0, 0, 0xf0, 0xff}, []float32{0.1, float32(math.Inf(-1))}},
		{"I64", []byte{0xfe, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0x80}, []float32{-2, -0x1p63}},
		{"U64", []byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80}, []float32{7, 0x1p63}},
		{"I32", []byte{0xfe, 255, 255, 255, 0, 0, 0, 1}, []float32{-2, 1 << 24}},
		{"U32", []byte{0, 0, 0, 0x80}, []float32{0x1p31}},
		{"I16", []byte{0xfe, 255, 1, 1}, []float32{-2, 257}},
		{"U16", []byte{0xfe, 255}, []float32{65534}},
		{"I8", []byte{0xfe, 1}, []float32{-2, 1}},
		{"U8", []byte{0xfe}, []float32{254}},
		{"BOOL", []byte{1, 0}, []float32{1, 0}},
	} {
		header := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, c.dtype, len(c.want), len(c.body))
		f, err := safetensors.Decode(file(header, c.body...))
		if err != nil || !slices.Equal(f.Tensors[0].Data, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.dtype, f, err, c.want)
		}
	}
	for _, c := range []struct {
		dtype string
		body  []byte
	}{
		{"I64", []byte{255, 255, 255, 255, 255, 255, 255, 0x7f}}, // 2⁶³−1 would round to 2⁶³
		{"U64", []byte{255, 255, 255, 255, 255, 255, 255, 255}},
		{"U32", []byte{255, 255, 255, 255}},
	} {
		header := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[1],"data_offsets":[0,%d]}}`, c.dtype, len(c.body))
		if _, err := safetensors.Decode(file(header, c.body...)); err == nil || !strings.Contains(err.Error(), "float32 cannot hold") {
			t.Errorf("%s: got %v, want it refused", c.dtype, err)
		}
	}
}

// A stream may end anywhere, and what it claims is held against the limit
// before anything is made for it.
func TestRead(t *testing.T) {
	t.Parallel()
	whole := file(`{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}`, make([]byte, 12)...)
	made := 0
	read := func(r io.Reader, limit int64) error {
		_, err := safetensors.Read(r, limit, func(_ safetensors.Tensor, n int) ([]float32, error) {
			made += n
			return make([]float32, n), nil
		})
		return err
	}
	for n := range whole {
		if err := read(bytes.NewReader(whole[:n]), 1000); err == nil || !strings.HasPrefix(err.Error(), "safetensors: ") {
			t.Errorf("cut to %d bytes: got %v", n, err)
		}
		made = 0
		if err := read(bytes.NewReader(whole), int64(n)); err == nil || made > 0 {
			t.Errorf("limit %d: got %v and %d elements made, want an error and none", n, err, made)
		}
	}
	if err := read(bytes.NewReader(whole), int64(len(whole))); err != nil || made != 3 {
		t.Errorf("got %v and %d elements, want 3", err, made)
	}
	if err := read(iotest.ErrReader(errFull), 1000); !errors.Is(err, errFull) {
		t.Errorf("a failing reader: got %v", err)
	}
	_, err := safetensors.Read(bytes.NewReader(whole), 1000, func(safetensors.Tensor, int) ([]float32, error) { return nil, errFull })
	if !errors.Is(err, errFull) {
		t.Errorf("a failing alloc: got %v", err)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	x := safetensors.Tensor{Name: "x", Shape: []int{1}, Data: []float32{1}}
	for _, c := range []struct {
		name, want string
		tensors    []safetensors.Tensor
		dtype      safetensors.DType
	}{
		{"dtype", `got "F16"`, nil, "F16"},
		{"twice", `got "x"`, []safetensors.Tensor{x, x}, safetensors.F32},
		{"reserved", "reserved", []safetensors.Tensor{{Name: "__metadata__"}}, safetensors.F32},
		{"length", "got 1 elements, want 2", []safetensors.Tensor{{Name: "x", Shape: []int{2}, Data: x.Data}}, safetensors.F32},
	} {
		if err := safetensors.Encode(new(bytes.Buffer), c.tensors, c.dtype, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if err := safetensors.Encode(fullDisk{}, []safetensors.Tensor{x}, safetensors.F32, nil); !errors.Is(err, errFull) {
		t.Errorf("a failing writer: got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0x80, 0x3f))
	f.Add(file(`{"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 1, 2, 3, 0, 0, 0, 0, 0))
	f.Add(file(`{"x":{"dtype":"F64","shape":[0,9],"data_offsets":[0,0]},"x":3}`))
	f.Add(file(`{"__metadata__":{"a":"b"},"x":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}`, 0x80, 0x3f))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := safetensors.Decode(data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := safetensors.Encode(&b, got.Tensors, safetensors.F32, got.Metadata); err != nil {
			t.Fatal(err)
		}
		again, err := safetensors.Decode(b.Bytes())
		if err != nil || len(again.Tensors) != len(got.Tensors) {
			t.Fatalf("got %d tensors, %v, want %d", len(again.Tensors), err, len(got.Tensors))
		}
	})
}
