package tensor

import (
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/hudrl/hudrl/internal/safetensors"
)

// WriteSafetensors writes named tensors as float32 in the safetensors format,
// in the order of their names: equal tensors give equal bytes. Metadata may be
// nil.
func WriteSafetensors(w io.Writer, tensors map[string]*Tensor, metadata map[string]string) error {
	list := make([]safetensors.Tensor, 0, len(tensors))
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		if err := t.Err(); err != nil {
			return err
		}
		data := t.Data()
		if data == nil && t.Len() > 0 {
			return errorf("save", "%q: no memory left for a copy of shape %s", name, shapeString(t.Shape()))
		}
		list = append(list, safetensors.Tensor{Name: name, Shape: t.Shape(), Data: data})
	}
	if err := safetensors.Encode(w, list, safetensors.F32, metadata); err != nil {
		return &Error{Op: "save", Detail: err.Error(), Err: err}
	}
	return nil
}

// ReadSafetensors reads a safetensors file of at most limit bytes: its tensors
// by name, as constants, and its metadata, which may be empty. F16, BF16 and
// F64 become float32; so do whole numbers and booleans, where float32 holds
// them exactly. A file that is cut short or whose header contradicts itself is
// refused.
func (a *Allocator) ReadSafetensors(r io.Reader, limit int64) (map[string]*Tensor, map[string]string, error) {
	out := map[string]*Tensor{}
	f, err := safetensors.Read(r, limit, func(from safetensors.Tensor, _ int) ([]float32, error) {
		t := a.New("load", from.Shape...)
		out[from.Name] = t
		return t.Data(), t.Err()
	})
	var own *Error
	switch {
	case errors.As(err, &own):
		return nil, nil, err
	case err != nil:
		return nil, nil, &Error{Op: "load", Detail: err.Error(), Err: err}
	}
	return out, f.Metadata, nil
}

// ReadSafetensors is Allocator.ReadSafetensors with tensors that no Allocator
// counts.
func ReadSafetensors(r io.Reader, limit int64) (map[string]*Tensor, map[string]string, error) {
	return (*Allocator)(nil).ReadSafetensors(r, limit)
}
