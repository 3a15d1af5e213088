// Package safetensors reads and writes named tensors in the safetensors
// format: the header's length as a little-endian uint64, a JSON header that
// gives each tensor's element type, shape and byte range, then the bytes.
//
// Elements are float32 in memory. F32 and BF16 can be written. All of the
// format's floating-point types of 16 bits and more, whole numbers and booleans
// can be read: F64 rounds to nearest, a whole number that float32 cannot hold is
// refused. The same tensors always encode to the same bytes.
//
// Source: the format's description in github.com/huggingface/safetensors.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// A DType is how elements are stored.
type DType string

// The element types that can be written.
const (
	F32  DType = "F32"
	BF16 DType = "BF16"
)

// A Tensor is a named array, row-major.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
	DType DType // of what was read; Encode looks at its own
}

// A File is what Decode or Read found.
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
	size := kinds[dtype].size
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
		end := at + uint64(n*kinds[dtype].size)
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		if err := put(t.Name, entry{dtype, shape, []uint64{at, end}}); err != nil {
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
