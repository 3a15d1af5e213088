// Package safetensors reads and writes named tensors in the safetensors
// format: the header's length as a little-endian uint64, a JSON header that
// gives each tensor's element type, shape and byte range, then the bytes.
//
// Elements are float32 in memory. F32 and BF16 can be written, and F32, BF16
// and F16 read. The same tensors always encode to the same bytes.
//
// Source: the format's description in github.com/huggingface/safetensors.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// A DType is how elements are stored.
type DType string

// The element types.
const (
	F32  DType = "F32"
	BF16 DType = "BF16"
	F16  DType = "F16" // read only
)

// size is the number of bytes of an element, 0 when the type is unknown.
func (d DType) size() int {
	switch d {
	case F32:
		return 4
	case BF16, F16:
		return 2
	}
	return 0
}

// A Tensor is a named array, row-major.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// A File is what Decode found.
type File struct {
	Tensors  []Tensor // in the order of their bytes
	Metadata map[string]string
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

const (
	metadataKey = "__metadata__"
	maxHeader   = 100 << 20 // the format's own limit
)

type entry struct {
	DType   DType     `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// Encode writes tensors in the given order, their elements as dtype (F32 or
// BF16, which rounds to nearest even). Metadata may be nil.
func Encode(w io.Writer, tensors []Tensor, dtype DType, metadata map[string]string) error {
	if dtype != F32 && dtype != BF16 {
		return fmt.Errorf("safetensors: cannot write dtype: got %q, want F32 or BF16", dtype)
	}
	header, err := encodeHeader(tensors, dtype, metadata)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(header)), uint64(len(header)))
	if _, err := w.Write(append(head, header...)); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	size := dtype.size()
	buf := make([]byte, size*chunk)
	for _, t := range tensors {
		for part := range slices.Chunk(t.Data, chunk) {
			out := buf[:size*len(part)]
			if dtype == F32 {
				for i, v := range part {
					binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
				}
			} else {
				for i, v := range part {
					binary.LittleEndian.PutUint16(out[2*i:], toBF16(v))
				}
			}
			if _, err := w.Write(out); err != nil {
				return fmt.Errorf("safetensors: %w", err)
			}
		}
	}
	return nil
}

// chunk is how many elements are converted at a time.
const chunk = 1 << 13

func encodeHeader(tensors []Tensor, dtype DType, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	put := func(key string, value any) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		for i, part := range []any{key, value} {
			text, err := json.Marshal(part)
			if err != nil {
				return fmt.Errorf("safetensors: %q: %w", key, err)
			}
			if i > 0 {
				b.WriteByte(':')
			}
			b.Write(text)
		}
		return nil
	}
	if len(metadata) > 0 {
		if err := put(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	var at uint64
	for _, t := range tensors {
		n, err := elements(t.Shape)
		switch {
		case seen[t.Name]:
			return nil, fmt.Errorf("safetensors: name used twice or reserved: got %q", t.Name)
		case err != nil:
			return nil, fmt.Errorf("safetensors: %q: %w", t.Name, err)
		case n != len(t.Data):
			return nil, fmt.Errorf("safetensors: %q: data does not fill the shape: got %d elements, want %d for %v", t.Name, len(t.Data), n, t.Shape)
		}
		seen[t.Name] = true
		end := at + uint64(n*dtype.size())
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		if err := put(t.Name, entry{dtype, shape, [2]uint64{at, end}}); err != nil {
			return nil, err
		}
		at = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ') // the data then starts at a multiple of 8
	}
	return b.Bytes(), nil
}

// Decode reads a whole file. It refuses one that is cut short, has bytes that
// no tensor owns, or tensors that overlap.
func Decode(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("safetensors: file is cut short: got %d bytes, want at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("safetensors: header does not fit the file: got a header of %d bytes in a file of %d", n, len(data))
	}
	header, body := data[8:8+n], data[8+n:]
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, fmt.Errorf("safetensors: header is not a JSON object: %w", err)
	}
	f := &File{}
	if meta, ok := raw[metadataKey]; ok {
		if err := json.Unmarshal(meta, &f.Metadata); err != nil {
			return nil, fmt.Errorf("safetensors: metadata: %w", err)
		}
		delete(raw, metadataKey)
	}
	entries := make(map[string]entry, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var e entry
		if err := json.Unmarshal(raw[name], &e); err != nil {
			return nil, fmt.Errorf("safetensors: %q: %w", name, err)
		}
		entries[name] = e
	}
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		if x != y {
			return slices.Compare(x[:], y[:])
		}
		return strings.Compare(a, b)
	})
	var at uint64
	for _, name := range names {
		e := entries[name]
		count, err := elements(e.Shape)
		lo, hi := e.Offsets[0], e.Offsets[1]
		size := uint64(e.DType.size())
		switch {
		case err != nil:
			return nil, fmt.Errorf("safetensors: %q: %w", name, err)
		case size == 0:
			return nil, fmt.Errorf("safetensors: %q: cannot read dtype: got %q, want F32, BF16 or F16", name, e.DType)
		case lo != at:
			return nil, fmt.Errorf("safetensors: %q: bytes overlap or leave a hole: got a start at %d, want %d", name, lo, at)
		case hi < lo || hi > uint64(len(body)):
			return nil, fmt.Errorf("safetensors: %q: bytes end outside the file: got %d to %d of %d", name, lo, hi, len(body))
		case (hi-lo)%size != 0 || (hi-lo)/size != uint64(count):
			return nil, fmt.Errorf("safetensors: %q: bytes do not fill the shape: got %d, want %d for %s %v", name, hi-lo, uint64(count)*size, e.DType, e.Shape)
		}
		f.Tensors = append(f.Tensors, Tensor{name, e.Shape, decode(body[lo:hi], e.DType)})
		at = hi
	}
	if at != uint64(len(body)) {
		return nil, fmt.Errorf("safetensors: file has bytes that no tensor owns: got %d, want %d", len(body), at)
	}
	return f, nil
}

// elements is the size of a shape, which a header from outside may make
// negative or too large to multiply.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			return 0, fmt.Errorf("shape out of range: got %v", shape)
		}
		n *= d
	}
	return n, nil
}

func decode(b []byte, dtype DType) []float32 {
	x := make([]float32, len(b)/dtype.size())
	for i := range x {
		switch dtype {
		case F32:
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		case BF16:
			x[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
		case F16:
			x[i] = fromF16(binary.LittleEndian.Uint16(b[2*i:]))
		}
	}
	return x
}

// toBF16 rounds to nearest, ties to even. A NaN stays one.
func toBF16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func fromF16(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 0: // zero or denormal: frac·2⁻²⁴
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
