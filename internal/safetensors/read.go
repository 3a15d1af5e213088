package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// entry is what the header says about a tensor.
type entry struct {
	DType   DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// Decode reads a whole file: see Read.
func Decode(data []byte) (*File, error) {
	return Read(bytes.NewReader(data), int64(len(data)), func(_ Tensor, n int) ([]float32, error) {
		return make([]float32, n), nil
	})
}

// Read reads a file of at most limit bytes. It refuses one that is cut short,
// has bytes that no tensor owns, names twice, or tensors that overlap, and
// makes nothing before the whole header is known to be right. alloc makes the
// n elements of a tensor, which Read fills; its error, for which it sees the
// tensor without data, ends the reading.
func Read(r io.Reader, limit int64, alloc func(t Tensor, n int) ([]float32, error)) (*File, error) {
	var first [8]byte
	if n, err := io.ReadFull(r, first[:]); err != nil {
		return nil, short(err, "file is cut short: got %d bytes, want at least 8", n)
	}
	n := binary.LittleEndian.Uint64(first[:])
	if n > maxHeader || int64(n) > limit-8 {
		return nil, fmt.Errorf("safetensors: header does not fit the file: got a header of %d bytes, want at most %d", n, max(0, min(maxHeader, limit-8)))
	}
	var header bytes.Buffer // grows with what is there, whatever the file claims
	if got, err := io.CopyN(&header, r, int64(n)); err != nil {
		return nil, short(err, "header does not fit the file: got %d bytes of a header of %d", got, n)
	}
	f, err := parse(header.Bytes(), limit-8-int64(n))
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 8*chunk)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		count, _ := elements(t.Shape) // parse has looked at it
		if t.Data, err = alloc(*t, count); err != nil {
			return nil, err
		}
		size := kinds[t.DType].size
		for part := range slices.Chunk(t.Data, chunk) {
			b := buf[:size*len(part)]
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, short(err, "%q: bytes end outside the file", t.Name)
			}
			if err := decode(part, b, t.DType); err != nil {
				return nil, fmt.Errorf("safetensors: %q: %w", t.Name, err)
			}
		}
	}
	if n, err := io.ReadFull(r, buf[:1]); n > 0 {
		return nil, errors.New("safetensors: file has bytes that no tensor owns at its end")
	} else if err != io.EOF {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

// short is a failed read: the end of the file, told with the format, or
// something else.
func short(err error, format string, args ...any) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("safetensors: "+format, args...)
	}
	return fmt.Errorf("safetensors: %w", err)
}

// parse reads a header; body is how many bytes may follow it. The tensors come
// in the order of their bytes, without data.
func parse(header []byte, body int64) (*File, error) {
	f := &File{}
	entries := map[string]entry{}
	err := object(header, func(name string, value json.RawMessage) error {
		if name == metadataKey {
			f.Metadata = map[string]string{}
			return object(value, func(key string, value json.RawMessage) error {
				var text *string
				if err := json.Unmarshal(value, &text); err != nil || text == nil {
					return fmt.Errorf("%q is not a string: got %s", key, value)
				}
				f.Metadata[key] = *text
				return nil
			})
		}
		var e entry
		if err := object(value, func(string, json.RawMessage) error { return nil }); err != nil {
			return err
		}
		if err := json.Unmarshal(value, &e); err != nil {
			return err
		}
		if e.Shape == nil || len(e.Offsets) != 2 {
			return fmt.Errorf("shape and two data_offsets are needed: got %s", value)
		}
		entries[name] = e
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if c := slices.Compare(entries[a].Offsets, entries[b].Offsets); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	var at uint64
	for _, name := range names {
		e := entries[name]
		count, err := elements(e.Shape)
		lo, hi := e.Offsets[0], e.Offsets[1]
		size := uint64(kinds[e.DType].size)
		switch {
		case err != nil:
			return nil, fmt.Errorf("safetensors: %q: %w", name, err)
		case size == 0:
			return nil, fmt.Errorf("safetensors: %q: cannot read dtype: got %q, want F64, F32, F16, BF16, a whole number or BOOL", name, e.DType)
		case lo != at:
			return nil, fmt.Errorf("safetensors: %q: bytes overlap or leave a hole: got a start at %d, want %d", name, lo, at)
		case hi < lo || hi > uint64(body):
			return nil, fmt.Errorf("safetensors: %q: bytes end outside the file: got %d to %d of %d", name, lo, hi, body)
		case (hi-lo)%size != 0 || (hi-lo)/size != uint64(count):
			return nil, fmt.Errorf("safetensors: %q: bytes do not fill the shape: got %d, want %d for %s %v", name, hi-lo, uint64(count)*size, e.DType, e.Shape)
		}
		f.Tensors = append(f.Tensors, Tensor{Name: name, Shape: e.Shape, DType: e.DType})
		at = hi
	}
	return f, nil
}

// object calls each for the members of the JSON object that text is, and
// refuses a name that comes twice.
func object(text []byte, each func(name string, value json.RawMessage) error) error {
	if !json.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name := token.(string) // what stands before a colon
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("name used twice: got %q", name)
		}
		seen[name] = true
		if err := each(name, value); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
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
