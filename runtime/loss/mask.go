package loss

import (
	"slices"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// Keep is the layout's mask with 0 wherever keep is, which has a value for each
// position or for each datum.
func (a Layout) Keep(keep []float64) ([]float32, error) {
	if err := a.check("masked", nil); err != nil {
		return nil, err
	}
	mask := slices.Clone(a.Mask)
	switch len(keep) {
	case len(mask):
		for i, k := range keep {
			if k == 0 {
				mask[i] = 0
			}
		}
	case a.Len():
		for d, k := range keep {
			if k == 0 {
				clear(mask[a.Offsets[d]:a.Offsets[d+1]])
			}
		}
	default:
		return nil, invalid("masked", "keep: got %d values, want %d for the datums or %d for the positions", len(keep), a.Len(), len(mask))
	}
	return mask, nil
}

// Masked is the batch with the mask that [Layout.Keep] makes; its tensors are
// those of b otherwise, so that gradients arrive there. What is masked leaves
// the token counts; a datum without tokens is still one of the datums that an
// aggregation divides by, unless Settings.Denominator says how many are left.
func (b *Batch) Masked(keep []float64) (*Batch, error) {
	mask, err := b.Layout().Keep(keep)
	if err != nil {
		return nil, err
	}
	out, p := *b, *b.Packed
	p.Mask = mask
	out.Packed, out.Mask = &p, tensor.From(mask, len(mask)).ReadOnly()
	return &out, out.Mask.Err()
}
